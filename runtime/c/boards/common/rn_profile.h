/* RN_PROFILE_LAYER(i) stands in the emitted code behind layer i: what ran since the hook before it
   (or since the start of the inference) is layer i. It counts instructions if RN_PROFILE is defined, and
   is a mark for emulators with timing else. */
#ifndef RN_PROFILE_H
#define RN_PROFILE_H

#ifdef RN_PROFILE
#include <stdint.h>

/* Measures what a hook itself costs; once, before the others. */
void rn_profile_init(void);
/* Forgets all counts; what runs from here on is the first layer. */
void rn_profile_start(void);
/* Ends a layer. */
void rn_profile_layer(int32_t layer);
/* Instructions of a layer since rn_profile_start; index RN_MODEL_LAYER_COUNT is what ran behind the
   last layer. */
uint64_t rn_profile_instructions(int32_t layer);

#define RN_PROFILE_LAYER(i) rn_profile_layer(i)
#else
#include "rn_mark.h"

#define RN_PROFILE_LAYER(i) rn_cluster_mark(i)
#endif

#endif
