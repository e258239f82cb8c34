/* Jobs of the N-EUREKA NPU: 24 registers each (rn_npu_set: number, value). Two jobs may be asked for
   before the first has ended; they run one after the other. Only core 0 programs it. */
#ifndef RN_NPU_H
#define RN_NPU_H

#include "rn_pulp.h"

/* The number of a new job; sleeps while two are on their way. Its registers keep what the job before
   the last one had. */
static inline int32_t rn_npu_acquire(void)
{
    int32_t job = (int32_t)RN_PULP_REGISTER(RN_PULP_NPU + 0x04u);
    while (job < 0) {
        rn_pulp_wait(1u << RN_EVENT_NPU);
        job = (int32_t)RN_PULP_REGISTER(RN_PULP_NPU + 0x04u);
    }
    return job;
}

/* An address as the NPU knows it. */
static inline int32_t rn_npu_address(const void *place)
{
    return (int32_t)(intptr_t)place;
}

/* Sets a register of the job that was acquired last. */
static inline void rn_npu_set(uint32_t number, uint32_t value)
{
    RN_PULP_REGISTER(RN_PULP_NPU + 0x20u + 4u * number) = value;
}

/* The job that was acquired last runs behind those started before. */
static inline void rn_npu_start(void)
{
    RN_PULP_REGISTER(RN_PULP_NPU) = 0u;
}

/* Whether the job has ended: nothing is on its way, or a later one runs. Numbers have 8 bits. */
static inline int rn_npu_has_ended(int32_t job)
{
    if (RN_PULP_REGISTER(RN_PULP_NPU + 0x0cu) == 0u)
        return 1;
    return (int8_t)((int32_t)RN_PULP_REGISTER(RN_PULP_NPU + 0x10u) - job) > 0;
}

/* Sleeps until the job has ended. */
static inline void rn_npu_wait(int32_t job)
{
    while (!rn_npu_has_ended(job))
        rn_pulp_wait(1u << RN_EVENT_NPU);
}

#endif
