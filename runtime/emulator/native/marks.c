/* Layer marks: `slti x0, x0, n`, a hint of the ISA without effect, stands behind layer n. What nobody needs
   from the next barrier on is filled with rubbish there: until then other cores may still be in the layer. */
#include "soc.h"

#include <string.h>

void mark_layer(soc *s, hart *h, int32_t layer, uint64_t now, uint64_t instructions)
{
    h->layer = layer;
    log_add(s, LOG_LAYER, (uint32_t)h->index, now, now, (uint32_t)layer,
            (uint32_t)instructions);
    if (h->index == 0)
        s->ended_layer = layer + 1;
}

void mark_barrier(soc *s)
{
    const int32_t layer = s->ended_layer - 1;
    s->ended_layer = 0;
    if (!s->config.poison || layer < 0)
        return;
    for (int k = 0; k < s->range_count; k++)
        if (s->ranges[k].layer == layer)
            memset(memory_at(s, s->ranges[k].address, s->ranges[k].bytes), 0xa5,
                   s->ranges[k].bytes);
}
