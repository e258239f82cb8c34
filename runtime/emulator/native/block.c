/* Builds and finds basic blocks. */
#include "block.h"

#include <stdlib.h>
#include <string.h>

enum { LONGEST = 128 };

/* Cycles of an instruction by itself (CV32E40P user manual, "Cycle counts per instruction type");
   a taken branch and a division add more as they run. */
static uint32_t base_cycles(const instruction *i)
{
    switch (i->op) {
    case OP_MULH:
    case OP_MULHSU:
    case OP_MULHU:
        return 5;
    case OP_DIV:
    case OP_DIVU:
    case OP_REM:
    case OP_REMU:
        return 3;
    case OP_JAL:
    case OP_JALR:
        return 2;
    case OP_NEXT:
        return 0;
    default:
        return 1;
    }
}

static block *new_block(soc *s, uint32_t pc, const instruction *code, uint16_t count)
{
    const size_t bytes = count * sizeof *code;
    block *b = malloc(sizeof *b + bytes);
    if (b == NULL)
        abort();
    *b = (block){.pc = pc, .count = count};
    memcpy(b->code, code, bytes);
    if (s->block_count == s->block_room) {
        s->block_room = s->block_room == 0 ? 1024 : s->block_room * 2;
        s->blocks = realloc(s->blocks, s->block_room * sizeof *s->blocks);
        if (s->blocks == NULL)
            abort();
    }
    s->blocks[s->block_count++] = b;
    return b;
}

/* A loaded value is there one cycle after its address, and an indirect jump needs its target a cycle
   early. The product of a multiplication costs a cycle when it is used at once: the reference
   program in plain C says so, the manual does not. */
static int needs_to_wait(const instruction *i, const instruction *next)
{
    if (is_load(i) || i->op == OP_MUL)
        return reads(next, i->rd);
    return next->op == OP_JALR && next->rs1 == i->rd;
}

static void add_costs(block *b)
{
    uint32_t cycles = 0;
    for (int k = 0; k < b->count; k++) {
        instruction *i = &b->code[k];
        i->before = (uint16_t)cycles;
        cycles += base_cycles(i);
        if (k + 1 < b->count && needs_to_wait(i, &b->code[k + 1]))
            cycles++;
    }
    b->cycles = cycles;
    b->instructions = b->count - (b->code[b->count - 1].op == OP_NEXT);
}

/* A function makes room on its stack; the second half of loading an address does not. */
static int moves_stack(const instruction *i, const instruction *before)
{
    const int loads_address = before != NULL && before->op == OP_LI && before->rd == i->rd;
    return i->op == OP_ADDI && i->rd == STACK_POINTER && i->rs1 == STACK_POINTER && !loads_address;
}

block *block_at(soc *s, const hart *h, uint32_t pc)
{
    memory *m = memory_of(s, pc);
    if (m == NULL || (pc & 1u) != 0u) {
        soc_fault(s, h, FAULT_FETCH, pc, 2, NULL);
        return NULL;
    }
    uint32_t *slot = &m->block_of[(pc - m->base) >> 1];
    if (*slot != 0u)
        return s->blocks[*slot - 1u];
    instruction code[LONGEST];
    uint16_t count = 0;
    uint32_t at = pc;
    int ends_loop = 0;
    while (count < LONGEST - 1 && at - m->base + 2u <= m->size) {
        uint32_t word = 0;
        const uint32_t left = m->size - (at - m->base);
        memcpy(&word, m->bytes + (at - m->base), left < 4u ? left : 4u);
        instruction *i = &code[count];
        *i = decode(word, at);
        i->offset = (uint16_t)(at - pc);
        if (moves_stack(i, count == 0u ? NULL : i - 1))
            i->op = OP_ADDI_SP;
        ends_loop = m->loop_end[(at - m->base) >> 1];
        at += i->length;
        count++;
        if (i->op >= FIRST_TERMINATOR || i->op == OP_ILLEGAL || ends_loop)
            break;
    }
    if (code[count - 1].op < FIRST_TERMINATOR)
        code[count++] = (instruction){.op = OP_NEXT, .offset = (uint16_t)(at - pc)};
    block *b = new_block(s, pc, code, count);
    b->next = at;
    b->loop_end = (uint16_t)ends_loop;
    const uint32_t line = (uint32_t)s->config.icache_line;
    b->first_line = pc / line;
    b->last_line = (at - 1u) / line;
    add_costs(b);
    *slot = s->block_count;
    return b;
}

/* After code has changed, or a place turned out to be the end of a hardware loop. Blocks that run
   right now are kept until the end, as harts may still point to them. */
void blocks_forget(soc *s)
{
    for (int k = 0; k < s->memory_count; k++)
        memset(s->memories[k].block_of, 0, (s->memories[k].size >> 1) * sizeof(uint32_t));
    for (uint32_t k = 0; k < s->block_count; k++)
        s->blocks[k]->fall = s->blocks[k]->taken = NULL;
}

void block_mark_loop_end(soc *s, uint32_t address)
{
    memory *m = memory_of(s, address);
    if (m == NULL || m->loop_end[(address - m->base) >> 1])
        return;
    m->loop_end[(address - m->base) >> 1] = 1;
    blocks_forget(s);
}
