#include <capstone/capstone.h>

/// Whether an instruction names memory by its distance from itself.
static inline bool persona_names_rip(const cs_insn *instruction) {
    const cs_x86 *x86 = &instruction->detail->x86;
    for (int i = 0; i < x86->op_count; i++)
        if (x86->operands[i].type == X86_OP_MEM && x86->operands[i].mem.base == X86_REG_RIP) return true;
    return false;
}
