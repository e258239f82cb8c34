/* Basic blocks: decoded once, with what they cost if no branch is taken and no memory stalls. */
#ifndef RN_EMULATOR_BLOCK_H
#define RN_EMULATOR_BLOCK_H

#include "soc.h"

/* clang-format off */
#define OPERATIONS(X) \
    X(ILLEGAL) X(NOP) X(LI) X(ADDI) X(ADDI_SP) X(SLTI) X(SLTIU) X(XORI) X(ORI) X(ANDI) X(SLLI) \
    X(SRLI) X(SRAI) X(ADD) X(SUB) X(SLL) X(SLT) X(SLTU) X(XOR) X(SRL) X(SRA) X(OR) X(AND) \
    X(MUL) X(MULH) X(MULHSU) X(MULHU) X(DIV) X(DIVU) X(REM) X(REMU) \
    X(LB) X(LH) X(LW) X(LBU) X(LHU) X(SB) X(SH) X(SW) \
    X(LB_POST) X(LH_POST) X(LW_POST) X(LBU_POST) X(LHU_POST) \
    X(LB_POST_R) X(LH_POST_R) X(LW_POST_R) X(LBU_POST_R) X(LHU_POST_R) \
    X(LB_R) X(LH_R) X(LW_R) X(LBU_R) X(LHU_R) \
    X(SB_POST) X(SH_POST) X(SW_POST) X(SB_POST_R) X(SH_POST_R) X(SW_POST_R) \
    X(SB_R) X(SH_R) X(SW_R) X(ELW) \
    X(MIN) X(MINU) X(MAX) X(MAXU) X(ABS) X(SLET) X(SLETU) X(AVGU) X(ROR) X(FF1) X(FL1) X(CLB) X(CNT) \
    X(EXTHS) X(EXTHZ) X(EXTBS) X(EXTBZ) X(CLIP) X(CLIPU) X(CLIP_R) X(CLIPU_R) \
    X(MAC) X(MSU) X(MUL16) X(MAC16) X(ADD_NORM) X(ADD_NORM_R) \
    X(EXTRACT) X(EXTRACTU) X(INSERT) X(BSET) X(BCLR) X(EXTRACT_R) X(EXTRACTU_R) X(INSERT_R) \
    X(BSET_R) X(BCLR_R) \
    X(SDOTSP_B) X(SDOTUP_B) X(SDOTUSP_B) X(SDOTSP_H) X(SDOTUP_H) X(SIMD) X(MARK) \
    /* The rest ends a block. */ \
    X(BEQ) X(BNE) X(BLT) X(BGE) X(BLTU) X(BGEU) X(BEQ_IMM) X(BNE_IMM) X(JAL) X(JALR) \
    X(LOOP_START) X(LOOP_END) X(LOOP_COUNT) X(LOOP_COUNT_IMM) X(LOOP_SETUP) X(LOOP_SETUP_IMM) \
    X(CSR) X(FENCE_I) X(EBREAK) X(ECALL) X(WFI) X(NEXT)
/* clang-format on */

#define OPERATION_NAME(name) OP_##name,
typedef enum { OPERATIONS(OPERATION_NAME) OPERATION_COUNT } operation;
#undef OPERATION_NAME
enum { FIRST_TERMINATOR = OP_BEQ };

/* One instruction. `imm` is the immediate, for jumps the absolute target; rs3 is a third source or
   a small second immediate. `offset` is where it is in the block, `before` the cycles of those in
   front of it. */
typedef struct {
    uint8_t op, rd, rs1, rs2;
    int32_t imm;
    uint16_t offset;
    uint16_t before;
    uint8_t length, rs3;
} instruction;

/* `loop_end` is set if a hardware loop ends with this block. */
struct block {
    uint32_t pc, next; /* the address behind it */
    uint32_t cycles, instructions;
    uint16_t count, loop_end;
    uint32_t first_line, last_line; /* of the instruction cache */
    block *fall, *taken;            /* where it went before; filled in as it runs */
    instruction code[];
};

/* decode.c: `word` holds 32 bits from `pc`; for a compressed instruction the upper half is junk. */
instruction decode(uint32_t word, uint32_t pc);
int reads(const instruction *i, unsigned reg);
int is_load(const instruction *i);

/* compressed.c: the 32-bit form of a compressed instruction, 0 if there is none. */
uint32_t expand_compressed(uint16_t half);

/* block.c: the block at `pc`; null after a fetch fault. */
block *block_at(soc *s, const hart *h, uint32_t pc);
void blocks_forget(soc *s);
void block_mark_loop_end(soc *s, uint32_t address);

#endif
