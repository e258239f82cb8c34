/* Jobs of the N-EUREKA NPU as emitted code sees them, on a machine with threads: another thread computes
   a job from its 24 registers while cores and DMA go on, so that sanitizers see what runs at the same
   time. Two jobs may be asked for before the first has ended; they run one after the other.

   With RN_LATE in the environment jobs are as late as they may be: the output is destroyed when a job
   runs, and made when it is waited for, or when a third one is asked for. */
#ifndef RN_NPU_H
#define RN_NPU_H

#include <stdint.h>

/* Only core 0 calls these. The number of a new job; sleeps while two are on their way. Its registers
   keep what the job before the last one had. */
int32_t rn_npu_acquire(void);

/* An address as the NPU knows it; of static memory. */
int32_t rn_npu_address(const void *place);

/* Sets a register of the job that was acquired last. */
void rn_npu_set(uint32_t number, uint32_t value);

/* The job that was acquired last runs behind those started before. */
void rn_npu_start(void);

/* Sleeps until the job has ended, and those before it. */
void rn_npu_wait(int32_t job);

#endif
