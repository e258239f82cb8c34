/* The time line of a run. */
#include "soc.h"

#include <stdlib.h>

void log_add(soc *s, log_kind kind, uint32_t unit, uint64_t start, uint64_t end, uint32_t a,
             uint32_t b)
{
    if (s->log_count >= s->config.trace_limit)
        return;
    if ((s->log_count & (s->log_count - 1u)) == 0u) { /* 0, 1, 2, 4, ...: room for as many again */
        const uint64_t room = s->log_count == 0u ? 1u : 2u * s->log_count;
        s->log = realloc(s->log, room * sizeof *s->log);
        if (s->log == NULL)
            abort();
    }
    s->log[s->log_count++] = (log_entry){start, end, (uint32_t)kind, unit, a, b};
}
