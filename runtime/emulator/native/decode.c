/* RV32IM, Zicsr and the Xpulp extensions. Encodings: RISC-V unprivileged ISA; for Xpulp (version 2)
   the RI5CY user manual, chapter "PULP ALU extensions" and following. */
#include "block.h"

#define FUNCT7(w) ((w) >> 25)
#define FUNCT3(w) ((w) >> 12 & 7u)
#define FIELD_RD(w) ((w) >> 7 & 31u)
#define FIELD_RS1(w) ((w) >> 15 & 31u)
#define FIELD_RS2(w) ((w) >> 20 & 31u)

static int32_t immediate_i(uint32_t w)
{
    return (int32_t)w >> 20;
}

static int32_t immediate_s(uint32_t w)
{
    return ((int32_t)w >> 25 << 5) | (int32_t)FIELD_RD(w);
}

static int32_t immediate_b(uint32_t w)
{
    return (int32_t)(((uint32_t)((int32_t)w >> 31) << 12) | (w >> 7 & 1u) << 11 |
                     (w >> 25 & 63u) << 5 | (w >> 8 & 15u) << 1);
}

static int32_t immediate_j(uint32_t w)
{
    return (int32_t)(((uint32_t)((int32_t)w >> 31) << 20) | (w >> 12 & 255u) << 12 |
                     (w >> 20 & 1u) << 11 | (w >> 21 & 1023u) << 1);
}

static uint8_t op_immediate(uint32_t w)
{
    static const uint8_t table[8] = {OP_ADDI, OP_SLLI, OP_SLTI, OP_SLTIU,
                                     OP_XORI, OP_SRLI, OP_ORI,  OP_ANDI};
    const uint32_t f3 = FUNCT3(w), f7 = FUNCT7(w);
    if (f3 == 1u)
        return f7 == 0u ? OP_SLLI : OP_ILLEGAL;
    if (f3 == 5u)
        return f7 == 0u ? OP_SRLI : f7 == 0x20u ? OP_SRAI : OP_ILLEGAL;
    return table[f3];
}

/* Register-register operations; Xpulp's scalar ones are under the same opcode. */
static uint8_t op_register(uint32_t w)
{
    static const uint8_t base[8] = {OP_ADD, OP_SLL, OP_SLT, OP_SLTU, OP_XOR, OP_SRL, OP_OR, OP_AND};
    static const uint8_t muldiv[8] = {OP_MUL, OP_MULH, OP_MULHSU, OP_MULHU,
                                      OP_DIV, OP_DIVU, OP_REM,    OP_REMU};
    static const uint8_t compare[8] = {OP_ABS, OP_AVGU, OP_SLET, OP_SLETU,
                                       OP_MIN, OP_MINU, OP_MAX,  OP_MAXU};
    static const uint8_t count[8] = {OP_FF1,   OP_FL1,   OP_CLB,   OP_CNT,
                                     OP_EXTHS, OP_EXTHZ, OP_EXTBS, OP_EXTBZ};
    static const uint8_t clip[8] = {OP_ILLEGAL, OP_CLIP,    OP_CLIPU,   OP_ILLEGAL,
                                    OP_ILLEGAL, OP_CLIP_R, OP_CLIPU_R, OP_ILLEGAL};
    static const uint8_t field[8] = {OP_EXTRACT, OP_EXTRACTU, OP_INSERT,  OP_BCLR,
                                     OP_BSET,    OP_ILLEGAL,  OP_ILLEGAL, OP_ILLEGAL};
    static const uint8_t field_r[8] = {OP_EXTRACT_R, OP_EXTRACTU_R, OP_INSERT_R, OP_BCLR_R,
                                       OP_BSET_R,    OP_ILLEGAL,    OP_ILLEGAL,  OP_ILLEGAL};
    const uint32_t f3 = FUNCT3(w);
    if (w >> 30 == 3u)
        return field[f3];
    switch (FUNCT7(w)) {
    case 0x00:
        return base[f3];
    case 0x01:
        return muldiv[f3];
    case 0x02:
        return compare[f3];
    case 0x04:
        return f3 == 5u ? OP_ROR : OP_ILLEGAL;
    case 0x08:
        return count[f3];
    case 0x0a:
        return clip[f3];
    case 0x20:
        return f3 == 0u ? OP_SUB : f3 == 5u ? OP_SRA : OP_ILLEGAL;
    case 0x21:
        return f3 == 0u ? OP_MAC : f3 == 1u ? OP_MSU : OP_ILLEGAL;
    case 0x40:
        return field_r[f3];
    default:
        return OP_ILLEGAL;
    }
}

static uint8_t op_load_indexed(uint32_t w, int post)
{
    static const uint8_t plain[5] = {OP_LB_R, OP_LH_R, OP_LW_R, OP_LBU_R, OP_LHU_R};
    static const uint8_t step[5] = {OP_LB_POST_R, OP_LH_POST_R, OP_LW_POST_R, OP_LBU_POST_R,
                                    OP_LHU_POST_R};
    const uint32_t f7 = FUNCT7(w);
    const int which = f7 == 0u      ? 0
                      : f7 == 0x08u ? 1
                      : f7 == 0x10u ? 2
                      : f7 == 0x20u ? 3
                      : f7 == 0x28u ? 4
                                    : -1;
    return which < 0 ? OP_ILLEGAL : post ? step[which] : plain[which];
}

static uint8_t op_load(uint32_t w)
{
    static const uint8_t table[7] = {OP_LB, OP_LH, OP_LW, OP_ILLEGAL, OP_LBU, OP_LHU, OP_ELW};
    return FUNCT3(w) == 7u ? op_load_indexed(w, 0) : table[FUNCT3(w)];
}

static uint8_t op_load_post(uint32_t w)
{
    static const uint8_t table[7] = {OP_LB_POST, OP_LH_POST,  OP_LW_POST, OP_ILLEGAL,
                                     OP_LBU_POST, OP_LHU_POST, OP_ILLEGAL};
    return FUNCT3(w) == 7u ? op_load_indexed(w, 1) : table[FUNCT3(w)];
}

static uint8_t op_store(uint32_t w)
{
    static const uint8_t table[8] = {OP_SB,   OP_SH,   OP_SW,   OP_ILLEGAL,
                                     OP_SB_R, OP_SH_R, OP_SW_R, OP_ILLEGAL};
    return table[FUNCT3(w)];
}

static uint8_t op_store_post(uint32_t w)
{
    static const uint8_t table[8] = {OP_SB_POST,   OP_SH_POST,   OP_SW_POST,   OP_ILLEGAL,
                                     OP_SB_POST_R, OP_SH_POST_R, OP_SW_POST_R, OP_ILLEGAL};
    return table[FUNCT3(w)];
}

/* Opcode 0x5b: 16-bit products and sums, with a shift and rounding. imm keeps bits 31:30 and
   funct3, rs3 the shift. */
static uint8_t op_normalized(uint32_t w)
{
    const uint32_t f3 = FUNCT3(w) & 3u;
    if (f3 == 0u)
        return OP_MUL16;
    if (f3 == 1u)
        return OP_MAC16;
    return w >> 30 & 1u ? OP_ADD_NORM_R : OP_ADD_NORM;
}

static uint8_t op_simd(uint32_t w)
{
    switch (w >> 26 << 3 | FUNCT3(w)) {
    case 0x2e << 3 | 1:
        return OP_SDOTSP_B;
    case 0x28 << 3 | 1:
        return OP_SDOTUP_B;
    case 0x2a << 3 | 1:
        return OP_SDOTUSP_B;
    case 0x2e << 3 | 0:
        return OP_SDOTSP_H;
    case 0x28 << 3 | 0:
        return OP_SDOTUP_H;
    default:
        return OP_SIMD;
    }
}

static uint8_t op_branch(uint32_t w)
{
    static const uint8_t table[8] = {OP_BEQ, OP_BNE, OP_BEQ_IMM, OP_BNE_IMM,
                                     OP_BLT, OP_BGE, OP_BLTU,    OP_BGEU};
    return table[FUNCT3(w)];
}

static void decode_loop(uint32_t w, uint32_t pc, instruction *i)
{
    static const uint8_t table[8] = {OP_LOOP_START, OP_LOOP_END,       OP_LOOP_COUNT,
                                     OP_LOOP_COUNT_IMM, OP_LOOP_SETUP, OP_LOOP_SETUP_IMM,
                                     OP_ILLEGAL,    OP_ILLEGAL};
    const uint32_t wide = w >> 20;
    i->op = table[FUNCT3(w)];
    i->rs3 = (uint8_t)(w >> 7 & 1u);
    i->imm = (int32_t)(pc + (wide << 1));
    if (i->op == OP_LOOP_COUNT_IMM || i->op == OP_LOOP_SETUP_IMM)
        i->imm = (int32_t)wide;
    i->rs2 = (uint8_t)FIELD_RS1(w); /* lp.setupi: half the distance to the end */
}

static void decode_system(uint32_t w, instruction *i)
{
    i->imm = (int32_t)(w >> 20);
    if (FUNCT3(w) != 0u) {
        i->op = FUNCT3(w) == 4u ? OP_ILLEGAL : OP_CSR;
        i->rs3 = (uint8_t)FUNCT3(w);
        i->rs2 = (uint8_t)FIELD_RS1(w);
    } else {
        i->op = i->imm == 0       ? OP_ECALL
                : i->imm == 1     ? OP_EBREAK
                : i->imm == 0x105 ? OP_WFI
                                  : OP_ILLEGAL;
    }
}

static void decode_word(uint32_t w, uint32_t pc, instruction *i)
{
    i->rd = (uint8_t)(FIELD_RD(w) == 0u ? NO_REGISTER : FIELD_RD(w));
    i->rs1 = (uint8_t)FIELD_RS1(w);
    i->rs2 = (uint8_t)FIELD_RS2(w);
    i->imm = immediate_i(w);
    switch (w & 0x7fu) {
    case 0x37:
        i->op = OP_LI;
        i->imm = (int32_t)(w & 0xfffff000u);
        break;
    case 0x17:
        i->op = OP_LI;
        i->imm = (int32_t)(pc + (w & 0xfffff000u));
        break;
    case 0x13:
        i->op = op_immediate(w);
        if (i->op == OP_SLLI || i->op == OP_SRLI || i->op == OP_SRAI)
            i->imm = (int32_t)FIELD_RS2(w);
        else if (i->op == OP_SLTI && FIELD_RD(w) == 0u)
            i->op = OP_MARK; /* a hint of the ISA: the layer that ends here */
        break;
    case 0x33:
        i->op = op_register(w);
        i->imm = (int32_t)FIELD_RS2(w);
        i->rs3 = (uint8_t)(w >> 25 & 31u);
        break;
    case 0x03:
        i->op = op_load(w);
        break;
    case 0x0b:
        i->op = op_load_post(w);
        break;
    case 0x23:
        i->op = op_store(w);
        i->imm = immediate_s(w);
        i->rs3 = (uint8_t)FIELD_RD(w);
        break;
    case 0x2b:
        i->op = op_store_post(w);
        i->imm = immediate_s(w);
        i->rs3 = (uint8_t)FIELD_RD(w);
        break;
    case 0x57:
        i->op = op_simd(w);
        i->imm = (int32_t)w;
        break;
    case 0x5b:
        i->op = op_normalized(w);
        i->imm = (int32_t)((w >> 30) << 3 | FUNCT3(w));
        i->rs3 = (uint8_t)(w >> 25 & 31u);
        break;
    case 0x63:
        i->op = op_branch(w);
        i->imm = (int32_t)(pc + (uint32_t)immediate_b(w));
        break;
    case 0x6f:
        i->op = OP_JAL;
        i->imm = (int32_t)(pc + (uint32_t)immediate_j(w));
        break;
    case 0x67:
        i->op = FUNCT3(w) == 0u ? OP_JALR : OP_ILLEGAL;
        break;
    case 0x7b:
        decode_loop(w, pc, i);
        break;
    case 0x0f:
        i->op = FUNCT3(w) == 1u ? OP_FENCE_I : OP_NOP;
        break;
    case 0x73:
        decode_system(w, i);
        break;
    default:
        i->op = OP_ILLEGAL;
    }
}

instruction decode(uint32_t word, uint32_t pc)
{
    instruction i = {0};
    i.length = (word & 3u) == 3u ? 4 : 2;
    decode_word(i.length == 4 ? word : expand_compressed((uint16_t)word), pc, &i);
    return i;
}

int is_load(const instruction *i)
{
    return (i->op >= OP_LB && i->op <= OP_LHU) || (i->op >= OP_LB_POST && i->op <= OP_LHU_R) ||
           i->op == OP_ELW;
}

/* Whether the instruction needs register `reg` as a source; which fields are sources depends on the
   form, and to say yes too often costs a cycle, so the forms are told apart. */
int reads(const instruction *i, unsigned reg)
{
    if (reg == NO_REGISTER)
        return 0;
    switch (i->op) {
    case OP_LI:
    case OP_NOP:
    case OP_MARK:
    case OP_JAL:
    case OP_LOOP_START:
    case OP_LOOP_END:
    case OP_LOOP_COUNT_IMM:
    case OP_LOOP_SETUP_IMM:
    case OP_FENCE_I:
    case OP_EBREAK:
    case OP_ECALL:
    case OP_WFI:
    case OP_NEXT:
    case OP_ILLEGAL:
        return 0;
    case OP_CSR:
        return i->rs3 < 4 && i->rs1 == reg;
    default:
        break;
    }
    if (i->rs1 == reg)
        return 1;
    const int one_source = (i->op >= OP_ADDI && i->op <= OP_SRAI) ||
                           (i->op >= OP_LB && i->op <= OP_LHU) ||
                           (i->op >= OP_LB_POST && i->op <= OP_LHU_POST) || i->op == OP_ELW ||
                           i->op == OP_ABS || (i->op >= OP_FF1 && i->op <= OP_CLIPU) ||
                           (i->op >= OP_EXTRACT && i->op <= OP_EXTRACTU) || i->op == OP_BSET ||
                           i->op == OP_BCLR || i->op == OP_BEQ_IMM || i->op == OP_BNE_IMM ||
                           i->op == OP_JALR || i->op == OP_LOOP_COUNT || i->op == OP_LOOP_SETUP;
    if (!one_source && i->op != OP_INSERT && i->rs2 == reg)
        return 1;
    if (i->op >= OP_SB_POST_R && i->op <= OP_SW_R && i->rs3 == reg)
        return 1;
    const int reads_rd = i->op == OP_MAC || i->op == OP_MSU || i->op == OP_MAC16 ||
                         i->op == OP_ADD_NORM_R || i->op == OP_INSERT || i->op == OP_INSERT_R ||
                         (i->op >= OP_SDOTSP_B && i->op <= OP_SDOTUP_H);
    return reads_rd && i->rd == reg;
}
