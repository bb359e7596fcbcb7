/// Layouts shared by the supervisor and the engine: load plan, compiled personality table,
/// call-log records and hypercalls. Everything here is little-endian x86-64 and position-free:
/// references inside a block are byte offsets from its start or indices into its pools.
#ifndef PERSONA_WIRE_H
#define PERSONA_WIRE_H

#include "wire-hypercalls.h"
#include "wire-plan.h"
#include "wire-table.h"
#include "wire-log.h"

#endif
