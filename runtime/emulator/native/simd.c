/* Packed operations on four bytes or two halves (RI5CY user manual, "Vectorial operations"). */
#include "soc.h"

typedef struct {
    int lanes, width;
    int scalar; /* the second operand is the same in all lanes */
} shape;

static int32_t lane_signed(uint32_t value, shape v, int lane)
{
    return v.width == 8 ? (int8_t)(value >> 8 * lane) : (int16_t)(value >> 16 * lane);
}

static uint32_t lane_unsigned(uint32_t value, shape v, int lane)
{
    return v.width == 8 ? (uint8_t)(value >> 8 * lane) : (uint16_t)(value >> 16 * lane);
}

static uint32_t put(uint32_t value, shape v, int lane)
{
    return (v.width == 8 ? value & 0xffu : value & 0xffffu) << v.width * lane;
}

enum { ADD = 0, SUB = 2, AVG = 4, AVGU = 6, MIN = 8, MINU = 10, MAX = 12, MAXU = 14, SRL = 16,
       SRA = 18, SLL = 20, OR = 22, XOR = 24, AND = 26, ABS = 28, EXTRACT = 30, EXTRACTU = 36,
       INSERT = 44, DOTUP = 32, DOTUSP = 34, DOTSP = 38, SDOTUP = 40, SDOTUSP = 42, SDOTSP = 46,
       SHUFFLE = 48, SHUFFLE2 = 50, PACK = 52, PACKHI = 54, PACKLO = 56, SHUFFLE_I1 = 58,
       SHUFFLE_I2 = 60, SHUFFLE_I3 = 62 };

static uint32_t compare(uint32_t op, int32_t a, int32_t b, uint32_t ua, uint32_t ub)
{
    switch (op >> 1) {
    case 0: return a == b;
    case 1: return a != b;
    case 2: return a > b;
    case 3: return a >= b;
    case 4: return a < b;
    case 5: return a <= b;
    case 6: return ua > ub;
    case 7: return ua >= ub;
    case 8: return ua < ub;
    default: return ua <= ub;
    }
}

static uint32_t lane_result(uint32_t op, shape v, uint32_t a, uint32_t b, int lane, int *known)
{
    const int32_t sa = lane_signed(a, v, lane), sb = lane_signed(b, v, lane);
    const uint32_t ua = lane_unsigned(a, v, lane), ub = lane_unsigned(b, v, lane);
    const uint32_t shift = ub & (uint32_t)(v.width - 1);
    switch (op) {
    case ADD: return ua + ub;
    case SUB: return ua - ub;
    case AVG: return (uint32_t)(lane_signed(ua + ub, v, 0) >> 1);
    case AVGU: return lane_unsigned(ua + ub, v, 0) >> 1;
    case MIN: return sa < sb ? ua : ub;
    case MINU: return ua < ub ? ua : ub;
    case MAX: return sa > sb ? ua : ub;
    case MAXU: return ua > ub ? ua : ub;
    case SRL: return ua >> shift;
    case SRA: return (uint32_t)(sa >> shift);
    case SLL: return ua << shift;
    case OR: return ua | ub;
    case XOR: return ua ^ ub;
    case AND: return ua & ub;
    case ABS: return sa < 0 ? 0u - ua : ua;
    default:
        if ((op & 1u) != 0u && op <= 19u)
            return 0u - compare(op, sa, sb, ua, ub);
        *known = 0;
        return 0;
    }
}

static uint32_t dot(uint32_t op, shape v, uint32_t a, uint32_t b)
{
    uint32_t sum = 0;
    for (int k = 0; k < v.lanes; k++) {
        const uint32_t left = op == DOTSP ? (uint32_t)lane_signed(a, v, k) : lane_unsigned(a, v, k);
        const uint32_t right =
            op == DOTUP ? lane_unsigned(b, v, k) : (uint32_t)lane_signed(b, v, k);
        sum += left * right;
    }
    return sum;
}

static uint32_t shuffle(shape v, uint32_t a, uint32_t select)
{
    uint32_t result = 0;
    for (int k = 0; k < v.lanes; k++) {
        const uint32_t from = lane_unsigned(select, v, k) & (uint32_t)(v.lanes - 1);
        result |= put(lane_unsigned(a, v, (int)from), v, k);
    }
    return result;
}

/* Each lane is of `a` if its selector has the bit above the lane number, else of the old value. */
static uint32_t shuffle2(shape v, uint32_t a, uint32_t select, uint32_t old)
{
    uint32_t result = 0;
    for (int k = 0; k < v.lanes; k++) {
        const uint32_t how = lane_unsigned(select, v, k);
        const uint32_t from = how & (uint32_t)(v.lanes - 1);
        const uint32_t source = (how & (uint32_t)v.lanes) != 0u ? a : old;
        result |= put(lane_unsigned(source, v, (int)from), v, k);
    }
    return result;
}

/* pv.shuffleI<n>.b: byte 3 is byte n of `a`, the others are chosen by two bits each. */
static uint32_t shuffle_immediate(uint32_t a, uint32_t imm, uint32_t top)
{
    uint32_t result = (a >> 8 * top & 0xffu) << 24;
    for (int k = 0; k < 3; k++)
        result |= (a >> 8 * (imm >> 2 * k & 3u) & 0xffu) << 8 * k;
    return result;
}

static uint32_t insert(shape v, uint32_t a, uint32_t old, uint32_t lane)
{
    const int at = (int)(lane & (uint32_t)(v.lanes - 1));
    return (old & ~put(~0u, v, at)) | put(a, v, at);
}

static int is_unsigned(uint32_t op)
{
    return op == AVGU || op == MINU || op == MAXU || op == SRL || op == SLL || op == DOTUP ||
           op == SDOTUP || op == EXTRACT || op == EXTRACTU || op == INSERT || op >= SHUFFLE ||
           ((op & 1u) != 0u && op >= 13u);
}

/* The result of the instruction `word` on rs1, rs2 and the old value of rd. */
uint32_t simd_execute(uint32_t word, uint32_t a, uint32_t b, uint32_t d, int *known)
{
    const uint32_t op = word >> 26, mode = word >> 12 & 7u;
    const shape v = {(mode & 1u) != 0u ? 4 : 2, (mode & 1u) != 0u ? 8 : 16, mode >= 4u};
    const uint32_t imm = (word >> 20 & 31u) << 1 | (word >> 25 & 1u);
    if (mode >= 6u)
        b = is_unsigned(op) ? imm : (imm ^ 32u) - 32u;
    if (mode == 2u || mode == 3u)
        *known = 0;
    uint32_t splat = b;
    if (v.scalar)
        splat = v.width == 8 ? (b & 0xffu) * 0x01010101u : (b & 0xffffu) * 0x10001u;
    const int lane = (int)(imm & (uint32_t)(v.lanes - 1));
    switch (op) {
    case DOTUP:
    case DOTUSP:
    case DOTSP:
        return dot(op, v, a, splat);
    case SDOTUP:
    case SDOTUSP:
    case SDOTSP:
        return d + dot(op - (SDOTUP - DOTUP), v, a, splat);
    case EXTRACT:
        return (uint32_t)lane_signed(a, v, lane);
    case EXTRACTU:
        return lane_unsigned(a, v, lane);
    case INSERT:
        return insert(v, a, d, imm);
    case SHUFFLE:
        if (mode == 7u)
            return shuffle_immediate(a, imm, 0);
        return shuffle(v, a, mode == 6u ? (imm & 1u) | (imm >> 1 & 1u) << 16 : b);
    case SHUFFLE_I1:
    case SHUFFLE_I2:
    case SHUFFLE_I3:
        return shuffle_immediate(a, imm, (op - SHUFFLE_I1) / 2u + 1u);
    case SHUFFLE2:
        return shuffle2(v, a, b, d);
    case PACK:
        return (a & 0xffffu) << 16 | (b & 0xffffu);
    case PACKHI:
        return (a & 0xffu) << 24 | (b & 0xffu) << 16 | (d & 0xffffu);
    case PACKLO:
        return (a & 0xffu) << 8 | (b & 0xffu) | (d & 0xffff0000u);
    default:
        break;
    }
    uint32_t result = 0;
    for (int k = 0; k < v.lanes; k++)
        result |= put(lane_result(op, v, a, splat, k, known), v, k);
    return result;
}
