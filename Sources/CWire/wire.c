#include "wire.h"

_Static_assert(sizeof(struct persona_log_slot) == PERSONA_LOG_SLOT_BYTES, "a slot fills its bytes");
_Static_assert(sizeof(struct persona_call) == 48, "calls are indexed by size");
