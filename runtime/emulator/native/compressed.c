/* RVC: compressed instructions as their 32-bit forms (RISC-V unprivileged ISA, chapter "C"). */
#include "block.h"

static uint32_t bits(uint32_t value, int high, int low)
{
    return value >> low & ((1u << (high - low + 1)) - 1u);
}

static uint32_t sign_extend(uint32_t value, int width)
{
    const uint32_t sign = 1u << (width - 1);
    return (value ^ sign) - sign;
}

static uint32_t i_type(uint32_t imm, uint32_t rs1, uint32_t funct3, uint32_t rd, uint32_t opcode)
{
    return (imm & 0xfffu) << 20 | rs1 << 15 | funct3 << 12 | rd << 7 | opcode;
}

static uint32_t s_type(uint32_t imm, uint32_t rs2, uint32_t rs1, uint32_t funct3)
{
    return bits(imm, 11, 5) << 25 | rs2 << 20 | rs1 << 15 | funct3 << 12 | bits(imm, 4, 0) << 7 |
           0x23u;
}

static uint32_t r_type(uint32_t funct7, uint32_t rs2, uint32_t rs1, uint32_t funct3, uint32_t rd)
{
    return funct7 << 25 | rs2 << 20 | rs1 << 15 | funct3 << 12 | rd << 7 | 0x33u;
}

static uint32_t jal(uint32_t half, uint32_t rd)
{
    const uint32_t offset = sign_extend(
        bits(half, 12, 12) << 11 | bits(half, 11, 11) << 4 | bits(half, 10, 9) << 8 |
            bits(half, 8, 8) << 10 | bits(half, 7, 7) << 6 | bits(half, 6, 6) << 7 |
            bits(half, 5, 3) << 1 | bits(half, 2, 2) << 5, 12);
    return bits(offset, 20, 20) << 31 | bits(offset, 10, 1) << 21 | bits(offset, 11, 11) << 20 |
           bits(offset, 19, 12) << 12 | rd << 7 | 0x6fu;
}

static uint32_t branch(uint32_t half, uint32_t funct3)
{
    const uint32_t rs1 = bits(half, 9, 7) + 8u;
    const uint32_t offset =
        sign_extend(bits(half, 12, 12) << 8 | bits(half, 11, 10) << 3 | bits(half, 6, 5) << 6 |
                        bits(half, 4, 3) << 1 | bits(half, 2, 2) << 5, 9);
    return bits(offset, 12, 12) << 31 | bits(offset, 10, 5) << 25 | rs1 << 15 | funct3 << 12 |
           bits(offset, 4, 1) << 8 | bits(offset, 11, 11) << 7 | 0x63u;
}

static uint32_t quadrant0(uint32_t half)
{
    const uint32_t low = bits(half, 4, 2) + 8u, base = bits(half, 9, 7) + 8u;
    const uint32_t word = bits(half, 12, 10) << 3 | bits(half, 6, 6) << 2 | bits(half, 5, 5) << 6;
    switch (bits(half, 15, 13)) {
    case 0: { /* c.addi4spn */
        const uint32_t imm = bits(half, 12, 11) << 4 | bits(half, 10, 7) << 6 |
                             bits(half, 6, 6) << 2 | bits(half, 5, 5) << 3;
        return imm == 0u ? 0u : i_type(imm, 2, 0, low, 0x13);
    }
    case 2: /* c.lw */
        return i_type(word, base, 2, low, 0x03);
    case 6: /* c.sw */
        return s_type(word, low, base, 2);
    default:
        return 0u;
    }
}

static uint32_t arithmetic(uint32_t half)
{
    static const uint32_t funct3[4] = {0, 4, 6, 7}; /* sub xor or and */
    const uint32_t rd = bits(half, 9, 7) + 8u, rs2 = bits(half, 4, 2) + 8u;
    const uint32_t imm = sign_extend(bits(half, 12, 12) << 5 | bits(half, 6, 2), 6);
    const uint32_t kind = bits(half, 11, 10);
    if (kind == 2u)
        return i_type(imm, rd, 7, rd, 0x13);
    if (bits(half, 12, 12) != 0u)
        return 0u; /* shifts by 32 and more, and 64-bit forms */
    if (kind == 3u)
        return r_type(bits(half, 6, 5) == 0u ? 0x20u : 0u, rs2, rd, funct3[bits(half, 6, 5)], rd);
    return i_type(bits(half, 6, 2) | kind << 10, rd, 5, rd, 0x13);
}

static uint32_t quadrant1(uint32_t half)
{
    const uint32_t rd = bits(half, 11, 7);
    const uint32_t imm = sign_extend(bits(half, 12, 12) << 5 | bits(half, 6, 2), 6);
    switch (bits(half, 15, 13)) {
    case 0: /* c.addi */
        return i_type(imm, rd, 0, rd, 0x13);
    case 1:
        return jal(half, 1);
    case 2: /* c.li */
        return i_type(imm, 0, 0, rd, 0x13);
    case 3:
        if (rd == 2u) { /* c.addi16sp */
            const uint32_t step = sign_extend(
                bits(half, 12, 12) << 9 | bits(half, 6, 6) << 4 | bits(half, 5, 5) << 6 |
                    bits(half, 4, 3) << 7 | bits(half, 2, 2) << 5, 10);
            return step == 0u ? 0u : i_type(step, 2, 0, 2, 0x13);
        }
        return imm == 0u ? 0u : imm << 12 | rd << 7 | 0x37u; /* c.lui */
    case 4:
        return arithmetic(half);
    case 5:
        return jal(half, 0);
    case 6:
        return branch(half, 0);
    default:
        return branch(half, 1);
    }
}

static uint32_t quadrant2(uint32_t half)
{
    const uint32_t rd = bits(half, 11, 7), rs2 = bits(half, 6, 2);
    switch (bits(half, 15, 13)) {
    case 0: /* c.slli */
        return bits(half, 12, 12) != 0u ? 0u : i_type(rs2, rd, 1, rd, 0x13);
    case 2: /* c.lwsp */
        return i_type(bits(half, 12, 12) << 5 | bits(half, 6, 4) << 2 | bits(half, 3, 2) << 6, 2, 2,
                      rd, 0x03);
    case 4:
        if (bits(half, 12, 12) == 0u)
            return rs2 != 0u ? r_type(0, rs2, 0, 0, rd)                  /* c.mv */
                             : (rd == 0u ? 0u : i_type(0, rd, 0, 0, 0x67)); /* c.jr */
        if (rs2 != 0u)
            return r_type(0, rs2, rd, 0, rd);                           /* c.add */
        return rd != 0u ? i_type(0, rd, 0, 1, 0x67) : 0x00100073u;      /* c.jalr, c.ebreak */
    case 6: /* c.swsp */
        return s_type(bits(half, 12, 9) << 2 | bits(half, 8, 7) << 6, rs2, 2, 2);
    default:
        return 0u;
    }
}

uint32_t expand_compressed(uint16_t half)
{
    switch (half & 3u) {
    case 0:
        return quadrant0(half);
    case 1:
        return quadrant1(half);
    default:
        return quadrant2(half);
    }
}
