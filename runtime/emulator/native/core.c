/* Runs one hart, block by block, until it touches a device, sleeps or ends.

   A block's cycles are added when it is entered. Memory behind the L1, misaligned accesses, taken
   branches and divisions add theirs as they happen. An access to a device takes back what the rest
   of its block has cost, so that the hart's time is exact there. */
#include "block.h"

#include <string.h>

enum { TAKEN = 2 }; /* cycles that a taken branch costs on top of one that is not */

static const uint8_t access_size[OPERATION_COUNT] = {
    [OP_LB] = 1,        [OP_LH] = 2,        [OP_LW] = 4,        [OP_LBU] = 1,
    [OP_LHU] = 2,       [OP_SB] = 1,        [OP_SH] = 2,        [OP_SW] = 4,
    [OP_LB_POST] = 1,   [OP_LH_POST] = 2,   [OP_LW_POST] = 4,   [OP_LBU_POST] = 1,
    [OP_LHU_POST] = 2,  [OP_LB_POST_R] = 1, [OP_LH_POST_R] = 2, [OP_LW_POST_R] = 4,
    [OP_LBU_POST_R] = 1, [OP_LHU_POST_R] = 2, [OP_LB_R] = 1,    [OP_LH_R] = 2,
    [OP_LW_R] = 4,      [OP_LBU_R] = 1,     [OP_LHU_R] = 2,     [OP_SB_POST] = 1,
    [OP_SH_POST] = 2,   [OP_SW_POST] = 4,   [OP_SB_POST_R] = 1, [OP_SH_POST_R] = 2,
    [OP_SW_POST_R] = 4, [OP_SB_R] = 1,      [OP_SH_R] = 2,      [OP_SW_R] = 4,
    [OP_ELW] = 4};

/* Host address of `bytes` bytes at `address`, or null if no ordinary memory is there. */
static inline uint8_t *locate(soc *s, hart *h, uint32_t address, uint32_t bytes)
{
    uint32_t offset = address - s->l1->base;
    if (offset <= s->l1->size - bytes) {
        h->bank_accesses[offset >> 2 & (uint32_t)(s->config.banks - 1u)]++;
        if ((offset & 3u) + bytes > 4u) {
            h->now++;
            h->stats.memory_stalls++;
        }
        if (!h->is_core) {
            h->now += s->l1->controller_latency;
            h->stats.memory_stalls += s->l1->controller_latency;
        }
        return s->l1->bytes + offset;
    }
    for (int k = 0; k < s->memory_count; k++) {
        const memory *m = &s->memories[k];
        offset = address - m->base;
        if (offset < m->size && bytes <= m->size - offset) {
            const uint32_t stall = h->is_core ? m->core_latency : m->controller_latency;
            h->now += stall;
            h->stats.memory_stalls += stall;
            h->stats.l2_accesses++;
            return m->bytes + offset;
        }
    }
    return NULL;
}

/* Looks the lines of a block up in the hart's view of the instruction cache (least recently used
   goes first); off, every line comes from memory each time. */
static void fetch_lines(soc *s, hart *h, const block *b)
{
    const uint32_t ways = (uint32_t)s->config.icache_ways;
    const uint32_t sets = (uint32_t)(s->config.icache_bytes / s->config.icache_line) / ways;
    for (uint32_t line = b->first_line; line <= b->last_line; line++) {
        int32_t *set = h->icache_tags + (line & (sets - 1u)) * ways;
        if (set[0] == (int32_t)line && s->icache_on)
            continue;
        uint32_t way = 1;
        while (way < ways && set[way] != (int32_t)line)
            way++;
        if (way == ways || !s->icache_on) {
            const uint64_t cost = s->icache_on ? s->config.icache_refill : s->config.uncached_fetch;
            h->now += cost;
            h->stats.icache_cycles += cost;
            h->stats.icache_misses++;
            way = ways - 1u;
        }
        memmove(set + 1, set, way * sizeof *set);
        set[0] = (int32_t)line;
    }
}

static uint32_t clip(int32_t value, int32_t low, int32_t high)
{
    return (uint32_t)(value < low ? low : value > high ? high : value);
}

static uint32_t count_leading(uint32_t value)
{
    return value == 0u ? 32u : (uint32_t)__builtin_clz(value);
}

/* Products of halves: `kind` has bit 4 for signed, bit 3 for upper halves, bit 2 for rounding. */
static uint32_t multiply_halves(uint32_t kind, uint32_t a, uint32_t b, uint32_t sum, uint32_t shift)
{
    if ((kind & 8u) != 0u) {
        a >>= 16;
        b >>= 16;
    }
    const int is_signed = (kind & 16u) != 0u;
    uint32_t product = is_signed ? (uint32_t)((int16_t)a * (int16_t)b)
                                 : (uint32_t)(uint16_t)a * (uint16_t)b;
    product += sum;
    if ((kind & 4u) != 0u && shift != 0u)
        product += 1u << (shift - 1u);
    return is_signed ? (uint32_t)((int32_t)product >> shift) : product >> shift;
}

/* p.addN and its kin: `kind` has bit 4 for unsigned, bit 2 for rounding, bit 0 for subtraction. */
static uint32_t add_normalized(uint32_t kind, uint32_t a, uint32_t b, uint32_t shift)
{
    uint32_t sum = (kind & 1u) != 0u ? a - b : a + b;
    shift &= 31u;
    if ((kind & 4u) != 0u && shift != 0u)
        sum += 1u << (shift - 1u);
    return (kind & 16u) != 0u ? sum >> shift : (uint32_t)((int32_t)sum >> shift);
}

static uint32_t extract(uint32_t value, uint32_t width, uint32_t low, int is_signed)
{
    const uint32_t field = low + width > 32u ? value >> low : value << (32u - low - width);
    if (low + width > 32u)
        return is_signed ? (uint32_t)((int32_t)value >> low) : field;
    return is_signed ? (uint32_t)((int32_t)field >> (32u - width)) : field >> (32u - width);
}

static uint32_t field_mask(uint32_t width, uint32_t low)
{
    return (width >= 32u ? ~0u : (1u << width) - 1u) << low;
}

static uint32_t divide(hart *h, uint8_t op, uint32_t a, uint32_t b)
{
    const int is_signed = op == OP_DIV || op == OP_REM;
    const uint32_t size = is_signed && (int32_t)b < 0 ? 0u - b : b;
    h->now += count_leading(size); /* the serial divider aligns the divisor first */
    if (b == 0u)
        return op == OP_DIV || op == OP_DIVU ? ~0u : a;
    if (is_signed && a == 0x80000000u && b == ~0u)
        return op == OP_DIV ? a : 0u;
    switch (op) {
    case OP_DIV:
        return (uint32_t)((int32_t)a / (int32_t)b);
    case OP_DIVU:
        return a / b;
    case OP_REM:
        return (uint32_t)((int32_t)a % (int32_t)b);
    default:
        return a % b;
    }
}

static void set_loop(soc *s, hart *h, const instruction *i, uint32_t pc)
{
    hardware_loop *loop = &h->loop[i->rs3];
    switch (i->op) {
    case OP_LOOP_START:
        loop->start = (uint32_t)i->imm;
        return;
    case OP_LOOP_COUNT:
        loop->count = h->x[i->rs1];
        return;
    case OP_LOOP_COUNT_IMM:
        loop->count = (uint32_t)i->imm;
        return;
    case OP_LOOP_SETUP:
        *loop = (hardware_loop){pc + 4u, (uint32_t)i->imm, h->x[i->rs1]};
        break;
    case OP_LOOP_SETUP_IMM:
        *loop = (hardware_loop){pc + 4u, pc + 2u * i->rs2, (uint32_t)i->imm};
        break;
    default:
        loop->end = (uint32_t)i->imm;
    }
    block_mark_loop_end(s, loop->end);
}

/* Where a hardware loop goes on after its last instruction, which is at `last`; 0 if it is over. */
static uint32_t loop_target(hart *h, uint32_t last)
{
    for (int k = 0; k < 2; k++)
        if (h->loop[k].count != 0u && h->loop[k].end == last && --h->loop[k].count != 0u)
            return h->loop[k].start;
    return 0u;
}

static int is_semihosting(const soc *s, uint32_t pc)
{
    static const uint32_t before = 0x01f01013u, after = 0x40705013u;
    const uint8_t *code = memory_at(s, pc - 4u, 12);
    return code != NULL && memcmp(code, &before, 4) == 0 && memcmp(code + 8, &after, 4) == 0;
}

/* Takes back what the block has cost from instruction `i` on. */
static void leave_block(hart *h, const block *b, const instruction *i)
{
    h->now -= b->cycles - i->before;
    h->stats.instructions -= b->instructions - (uint32_t)(i - b->code);
}

static uint32_t effective_address(const hart *h, const instruction *i)
{
    if (i->op >= OP_LB_POST && i->op <= OP_LHU_POST_R)
        return h->x[i->rs1];
    if (i->op >= OP_SB_POST && i->op <= OP_SW_POST_R)
        return h->x[i->rs1];
    if (i->op >= OP_LB_R && i->op <= OP_LHU_R)
        return h->x[i->rs1] + h->x[i->rs2];
    if (i->op >= OP_SB_R && i->op <= OP_SW_R)
        return h->x[i->rs1] + h->x[i->rs3];
    return h->x[i->rs1] + (uint32_t)i->imm;
}

static void step_address(hart *h, const instruction *i)
{
    if (i->op >= OP_LB_POST && i->op <= OP_LHU_POST)
        h->x[i->rs1] += (uint32_t)i->imm;
    else if (i->op >= OP_LB_POST_R && i->op <= OP_LHU_POST_R)
        h->x[i->rs1] += h->x[i->rs2];
    else if (i->op >= OP_SB_POST && i->op <= OP_SW_POST)
        h->x[i->rs1] += (uint32_t)i->imm;
    else if (i->op >= OP_SB_POST_R && i->op <= OP_SW_POST_R)
        h->x[i->rs1] += h->x[i->rs3];
}

/* A load or store that is not to ordinary memory. The hart waits for its turn, or the access is
   done and the hart goes on behind it. */
static int touch_device(soc *s, hart *h, const block *b, const instruction *i, stop_reason *why)
{
    const uint32_t address = effective_address(h, i);
    const int load = is_load(i);
    leave_block(h, b, i);
    h->pc = b->pc + i->offset;
    *why = STOP_END;
    if (!bus_is_device(s, address)) {
        soc_fault(s, h, load ? FAULT_LOAD : FAULT_STORE, address, access_size[i->op], NULL);
        return 0;
    }
    *why = STOP_TURN;
    if (!h->may_touch)
        return 0;
    h->may_touch = 0;
    uint32_t value = h->x[i->rs2];
    h->wait_register = i->rd;
    const uint32_t pc = h->pc;
    h->pc = pc + i->length;
    h->now += 1u + s->config.device_cycles;
    h->stats.instructions++;
    const bus_result result =
        load ? bus_load(s, h, address, &value) : bus_store(s, h, address, value);
    if (result == BUS_FAULT) {
        h->pc = pc;
        soc_fault(s, h, FAULT_DEVICE, address, access_size[i->op], NULL);
        *why = STOP_END;
        return 0;
    }
    if (load && result == BUS_DONE) {
        if (access_size[i->op] < 4)
            value = extract(value, 8u * access_size[i->op], 8u * (address & 3u),
                            i->op != OP_LBU && i->op != OP_LHU);
        h->x[i->rd] = value;
    }
    step_address(h, i);
    if (b->loop_end && h->pc == b->next) {
        const uint32_t target = loop_target(h, pc);
        h->pc = target != 0u ? target : h->pc;
    }
    *why = h->state == HART_RUN ? STOP_TURN : STOP_WAIT;
    return result == BUS_DONE && h->state == HART_RUN && s->fault == FAULT_NONE && !s->exited;
}

#define X(n) h->x[i->n]
#define S(n) ((int32_t)h->x[i->n])
#define NEXT_INSTRUCTION break
#define ALU(name, value) \
    case OP_##name: \
        X(rd) = (uint32_t)(value); \
        NEXT_INSTRUCTION;
#define LOAD(name, type, address, step) \
    case OP_##name: { \
        uint8_t *at = locate(s, h, (address), sizeof(type)); \
        type value; \
        if (at == NULL) \
            goto device; \
        memcpy(&value, at, sizeof value); \
        step; \
        X(rd) = (uint32_t)(int32_t)value; \
        NEXT_INSTRUCTION; \
    }
#define LOADS(suffix, address, step) \
    LOAD(LB##suffix, int8_t, address, step) \
    LOAD(LH##suffix, int16_t, address, step) \
    LOAD(LW##suffix, int32_t, address, step) \
    LOAD(LBU##suffix, uint8_t, address, step) \
    LOAD(LHU##suffix, uint16_t, address, step)
#define STORE(name, type, address, step) \
    case OP_##name: { \
        uint8_t *at = locate(s, h, (address), sizeof(type)); \
        const type value = (type)X(rs2); \
        if (at == NULL) \
            goto device; \
        memcpy(at, &value, sizeof value); \
        step; \
        NEXT_INSTRUCTION; \
    }
#define STORES(suffix, address, step) \
    STORE(SB##suffix, uint8_t, address, step) \
    STORE(SH##suffix, uint16_t, address, step) \
    STORE(SW##suffix, uint32_t, address, step)
#define BRANCH(name, condition) \
    case OP_##name: \
        if (condition) { \
            h->now += TAKEN; \
            h->stats.branch_cycles += TAKEN; \
            target = (uint32_t)i->imm; \
            goto taken; \
        } \
        goto fall;
#define BYTE(v, k) ((int8_t)((v) >> 8 * (k)))
#define UBYTE(v, k) ((uint8_t)((v) >> 8 * (k)))
#define DOT4(a, b, A, B) \
    (A(a, 0) * B(b, 0) + A(a, 1) * B(b, 1) + A(a, 2) * B(b, 2) + A(a, 3) * B(b, 3))

stop_reason hart_run(soc *s, hart *h)
{
    uint32_t target;
    stop_reason why;
    block *b = block_at(s, h, h->pc);
    const int cached = h->is_core && s->config.icache_model;
    if (b == NULL)
        return STOP_END;
    for (;;) {
        if (h->now >= h->free_until) {
            h->pc = b->pc;
            return STOP_TURN;
        }
        h->now += b->cycles;
        h->stats.instructions += b->instructions;
        if (cached)
            fetch_lines(s, h, b);
        const instruction *i = b->code;
        for (;; i++)
            switch ((operation)i->op) {
                /* clang-format off */
            case OP_NOP: NEXT_INSTRUCTION;
            ALU(LI, i->imm)
            ALU(ADDI, X(rs1) + (uint32_t)i->imm)
            case OP_ADDI_SP:
                target = X(rs1) + (uint32_t)i->imm;
                if (i->imm < 0 && !stack_holds(s, h, X(rs1), target)) {
                    leave_block(h, b, i);
                    h->pc = b->pc + i->offset;
                    soc_fault(s, h, FAULT_STACK, target, (uint32_t)-i->imm, NULL);
                    return STOP_END;
                }
                X(rd) = target;
                NEXT_INSTRUCTION;
            ALU(SLTI, S(rs1) < i->imm)
            ALU(SLTIU, X(rs1) < (uint32_t)i->imm)
            ALU(XORI, X(rs1) ^ (uint32_t)i->imm)
            ALU(ORI, X(rs1) | (uint32_t)i->imm)
            ALU(ANDI, X(rs1) & (uint32_t)i->imm)
            ALU(SLLI, X(rs1) << i->imm)
            ALU(SRLI, X(rs1) >> i->imm)
            ALU(SRAI, S(rs1) >> i->imm)
            ALU(ADD, X(rs1) + X(rs2))
            ALU(SUB, X(rs1) - X(rs2))
            ALU(SLL, X(rs1) << (X(rs2) & 31u))
            ALU(SLT, S(rs1) < S(rs2))
            ALU(SLTU, X(rs1) < X(rs2))
            ALU(XOR, X(rs1) ^ X(rs2))
            ALU(SRL, X(rs1) >> (X(rs2) & 31u))
            ALU(SRA, S(rs1) >> (X(rs2) & 31u))
            ALU(OR, X(rs1) | X(rs2))
            ALU(AND, X(rs1) & X(rs2))
            ALU(MUL, X(rs1) * X(rs2))
            ALU(MULH, ((int64_t)S(rs1) * S(rs2)) >> 32)
            ALU(MULHSU, ((int64_t)S(rs1) * (int64_t)X(rs2)) >> 32)
            ALU(MULHU, ((uint64_t)X(rs1) * X(rs2)) >> 32)
            case OP_DIV: case OP_DIVU: case OP_REM: case OP_REMU:
                X(rd) = divide(h, i->op, X(rs1), X(rs2));
                NEXT_INSTRUCTION;
            LOADS(, X(rs1) + (uint32_t)i->imm, (void)0)
            LOADS(_POST, X(rs1), X(rs1) += (uint32_t)i->imm)
            LOADS(_POST_R, X(rs1), X(rs1) += X(rs2))
            LOADS(_R, X(rs1) + X(rs2), (void)0)
            STORES(, X(rs1) + (uint32_t)i->imm, (void)0)
            STORES(_POST, X(rs1), X(rs1) += (uint32_t)i->imm)
            STORES(_POST_R, X(rs1), X(rs1) += X(rs3))
            STORES(_R, X(rs1) + X(rs3), (void)0)
            case OP_ELW: goto device;
            ALU(MIN, S(rs1) < S(rs2) ? X(rs1) : X(rs2))
            ALU(MINU, X(rs1) < X(rs2) ? X(rs1) : X(rs2))
            ALU(MAX, S(rs1) > S(rs2) ? X(rs1) : X(rs2))
            ALU(MAXU, X(rs1) > X(rs2) ? X(rs1) : X(rs2))
            ALU(ABS, S(rs1) < 0 ? 0u - X(rs1) : X(rs1))
            ALU(SLET, S(rs1) <= S(rs2))
            ALU(SLETU, X(rs1) <= X(rs2))
            ALU(AVGU, (X(rs1) + X(rs2)) >> 1)
            ALU(ROR, X(rs1) >> (X(rs2) & 31u) | X(rs1) << (-X(rs2) & 31u))
            ALU(FF1, X(rs1) == 0u ? 32 : __builtin_ctz(X(rs1)))
            ALU(FL1, X(rs1) == 0u ? 32u : 31u - count_leading(X(rs1)))
            ALU(CLB, X(rs1) == 0u ? 0u : count_leading(S(rs1) < 0 ? ~X(rs1) : X(rs1)) - 1u)
            ALU(CNT, __builtin_popcount(X(rs1)))
            ALU(EXTHS, (int16_t)X(rs1))
            ALU(EXTHZ, (uint16_t)X(rs1))
            ALU(EXTBS, (int8_t)X(rs1))
            ALU(EXTBZ, (uint8_t)X(rs1))
            ALU(CLIP, clip(S(rs1), -(int32_t)(1u << (i->imm == 0 ? 0 : i->imm - 1)),
                           (int32_t)((1u << (i->imm == 0 ? 0 : i->imm - 1)) - 1u)))
            ALU(CLIPU, clip(S(rs1), 0, (int32_t)((1u << (i->imm == 0 ? 0 : i->imm - 1)) - 1u)))
            ALU(CLIP_R, clip(S(rs1), (int32_t)(~X(rs2)), S(rs2)))
            ALU(CLIPU_R, clip(S(rs1), 0, S(rs2)))
            ALU(MAC, X(rd) + X(rs1) * X(rs2))
            ALU(MSU, X(rd) - X(rs1) * X(rs2))
            ALU(MUL16, multiply_halves((uint32_t)i->imm, X(rs1), X(rs2), 0, i->rs3))
            ALU(MAC16, multiply_halves((uint32_t)i->imm, X(rs1), X(rs2), X(rd), i->rs3))
            ALU(ADD_NORM, add_normalized((uint32_t)i->imm, X(rs1), X(rs2), i->rs3))
            ALU(ADD_NORM_R, add_normalized((uint32_t)i->imm, X(rd), X(rs1), X(rs2)))
            ALU(EXTRACT, extract(X(rs1), i->rs3 + 1u, (uint32_t)i->imm, 1))
            ALU(EXTRACTU, extract(X(rs1), i->rs3 + 1u, (uint32_t)i->imm, 0))
            ALU(EXTRACT_R, extract(X(rs1), (X(rs2) >> 5 & 31u) + 1u, X(rs2) & 31u, 1))
            ALU(EXTRACTU_R, extract(X(rs1), (X(rs2) >> 5 & 31u) + 1u, X(rs2) & 31u, 0))
            ALU(INSERT, (X(rd) & ~field_mask(i->rs3 + 1u, (uint32_t)i->imm)) |
                        (X(rs1) << i->imm & field_mask(i->rs3 + 1u, (uint32_t)i->imm)))
            ALU(INSERT_R, (X(rd) & ~field_mask((X(rs2) >> 5 & 31u) + 1u, X(rs2) & 31u)) |
                          (X(rs1) << (X(rs2) & 31u) &
                           field_mask((X(rs2) >> 5 & 31u) + 1u, X(rs2) & 31u)))
            ALU(BSET, X(rs1) | field_mask(i->rs3 + 1u, (uint32_t)i->imm))
            ALU(BCLR, X(rs1) & ~field_mask(i->rs3 + 1u, (uint32_t)i->imm))
            ALU(BSET_R, X(rs1) | field_mask((X(rs2) >> 5 & 31u) + 1u, X(rs2) & 31u))
            ALU(BCLR_R, X(rs1) & ~field_mask((X(rs2) >> 5 & 31u) + 1u, X(rs2) & 31u))
            ALU(SDOTSP_B, X(rd) + (uint32_t)DOT4(X(rs1), X(rs2), BYTE, BYTE))
            ALU(SDOTUP_B, X(rd) + (uint32_t)DOT4(X(rs1), X(rs2), UBYTE, UBYTE))
            ALU(SDOTUSP_B, X(rd) + (uint32_t)DOT4(X(rs1), X(rs2), UBYTE, BYTE))
            ALU(SDOTSP_H, X(rd) + (uint32_t)((int16_t)X(rs1) * (int16_t)X(rs2)) +
                          (uint32_t)((S(rs1) >> 16) * (S(rs2) >> 16)))
            ALU(SDOTUP_H, X(rd) + (uint32_t)(uint16_t)X(rs1) * (uint16_t)X(rs2) +
                          (X(rs1) >> 16) * (X(rs2) >> 16))
            case OP_SIMD: {
                int known = 1;
                const uint32_t value =
                    simd_execute((uint32_t)i->imm, X(rs1), X(rs2), X(rd), &known);
                if (!known)
                    goto illegal;
                X(rd) = value;
                NEXT_INSTRUCTION;
            }
            case OP_MARK:
                mark_layer(s, h, i->imm, h->now - (b->cycles - i->before),
                           h->stats.instructions - (b->instructions - (uint32_t)(i - b->code)));
                NEXT_INSTRUCTION;
            BRANCH(BEQ, X(rs1) == X(rs2))
            BRANCH(BNE, X(rs1) != X(rs2))
            BRANCH(BLT, S(rs1) < S(rs2))
            BRANCH(BGE, S(rs1) >= S(rs2))
            BRANCH(BLTU, X(rs1) < X(rs2))
            BRANCH(BGEU, X(rs1) >= X(rs2))
            BRANCH(BEQ_IMM, S(rs1) == (int32_t)(i->rs2 ^ 16u) - 16)
            BRANCH(BNE_IMM, S(rs1) != (int32_t)(i->rs2 ^ 16u) - 16)
                /* clang-format on */
            case OP_JAL:
                X(rd) = b->next;
                target = (uint32_t)i->imm;
                goto taken;
            case OP_JALR:
                target = (X(rs1) + (uint32_t)i->imm) & ~1u;
                X(rd) = b->next;
                goto taken;
            case OP_LOOP_START:
            case OP_LOOP_END:
            case OP_LOOP_COUNT:
            case OP_LOOP_COUNT_IMM:
            case OP_LOOP_SETUP:
            case OP_LOOP_SETUP_IMM:
                set_loop(s, h, i, b->pc + i->offset);
                goto fall;
            case OP_CSR:
                h->pc = b->pc + i->offset;
                if (!csr_access(s, h, (uint32_t)i->imm & 0xfffu, i->rs3,
                                i->rs3 >= 5 ? i->rs2 : X(rs1), &target))
                    goto illegal;
                X(rd) = target;
                goto fall;
            case OP_FENCE_I:
                target = b->next;
                blocks_forget(s);
                goto taken;
            case OP_EBREAK:
                h->pc = b->pc + i->offset;
                if (!is_semihosting(s, h->pc))
                    goto illegal;
                if (!h->may_touch) {
                    leave_block(h, b, i);
                    return STOP_TURN;
                }
                h->may_touch = 0;
                if (!semihost_call(s, h))
                    goto illegal;
                if (s->exited)
                    return STOP_END;
                goto fall;
            case OP_WFI:
                h->pc = b->next;
                h->state = HART_IDLE;
                return STOP_WAIT;
            case OP_NEXT:
                if (b->loop_end) {
                    target = loop_target(h, b->pc + i[-1].offset);
                    if (target != 0u)
                        goto taken;
                }
                goto fall;
            case OP_ILLEGAL:
            case OP_ECALL:
            case OPERATION_COUNT:
                goto illegal;
            }
    illegal:
        leave_block(h, b, i);
        h->pc = b->pc + i->offset;
        soc_fault(s, h, FAULT_INSTRUCTION, h->pc, 4, NULL);
        return STOP_END;
    device:
        if (!touch_device(s, h, b, i, &why))
            return s->fault != FAULT_NONE || s->exited ? STOP_END : why;
        b = block_at(s, h, h->pc);
        if (b == NULL)
            return STOP_END;
        continue;
    fall:
        if (b->fall == NULL)
            b->fall = block_at(s, h, b->next);
        if (b->fall == NULL) {
            h->pc = b->next;
            return STOP_END;
        }
        b = b->fall;
        continue;
    taken:
        if (b->taken == NULL || b->taken->pc != target) {
            h->pc = b->pc;
            b->taken = block_at(s, h, target);
        }
        if (b->taken == NULL)
            return STOP_END;
        b = b->taken;
    }
}
