/* What a job of the N-EUREKA NPU does. Register map, layouts and arithmetic: public documentation of the
   block (github.com/pulp-platform/neureka, pulp-nnx). */
#ifndef RN_NPU_JOB_H
#define RN_NPU_JOB_H

#include <stdint.h>

enum { RN_NPU_REGISTERS = 24 };

/* The output is there. Ends the program where the registers ask for what the compiler never does. */
void rn_npu_compute(const uint32_t registers[RN_NPU_REGISTERS]);

/* The output is rubbish. */
void rn_npu_destroy(const uint32_t registers[RN_NPU_REGISTERS]);

/* What is at an address that the NPU knows. */
void *rn_npu_place(uint32_t address);

#endif
