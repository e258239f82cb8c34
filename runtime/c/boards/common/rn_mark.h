/* Marks for emulators with timing: where an inference begins and ends, and layers end between. Nothing
   where there is no cluster. */
#ifndef RN_MARK_H
#define RN_MARK_H

#ifdef RN_CORES
#include "rn_cluster.h"
#else
#define rn_cluster_mark(layer) ((void)0)
#endif

enum { RN_MARK_BEGIN = -1, RN_MARK_END = -2 };

#endif
