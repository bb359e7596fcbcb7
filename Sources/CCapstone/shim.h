#include <capstone/capstone.h>

/// Whether an instruction means the same at another address: it neither branches nor calls nor names memory by its
/// distance from itself.
static inline bool persona_is_movable(csh handle, const cs_insn *instruction) {
    static const cs_group_type bound[] = {CS_GRP_JUMP, CS_GRP_CALL, CS_GRP_RET, CS_GRP_INT, CS_GRP_IRET, CS_GRP_PRIVILEGE};
    for (size_t i = 0; i < sizeof bound / sizeof bound[0]; i++)
        if (cs_insn_group(handle, instruction, bound[i])) return false;
    const cs_x86 *x86 = &instruction->detail->x86;
    for (int i = 0; i < x86->op_count; i++)
        if (x86->operands[i].type == X86_OP_MEM && x86->operands[i].mem.base == X86_REG_RIP) return false;
    return !cs_reg_read(handle, instruction, X86_REG_RIP);
}

/// What of an operand tells where values go.
struct persona_x86_operand {
    uint8_t kind;       ///< x86_op_type
    uint8_t width;      ///< bytes
    uint8_t base;       ///< the register itself, or memory's base: 0 to 15 as encoded, 16 rip, 255 none
    uint8_t index;      ///< memory's index register, 255 none
    bool is_written;
    bool is_segmented;  ///< memory behind %fs or %gs
    bool is_high;       ///< %ah, %bh, %ch or %dh
    int64_t value;      ///< the immediate, or memory's displacement
};

/// An instruction as far as control and data flow need it.
struct persona_x86_instruction {
    uint16_t identifier;  ///< x86_insn
    uint8_t length;
    uint8_t operand_count;
    bool is_movable;      ///< it means the same at another address
    uint32_t written;     ///< general registers that it changes, one bit each
    struct persona_x86_operand operands[3];
};

/// The number by which instructions encode a general register, whatever part of it is named.
static inline uint8_t persona_register_number(unsigned name) {
    switch (name) {
    case X86_REG_RAX: case X86_REG_EAX: case X86_REG_AX: case X86_REG_AL: case X86_REG_AH: return 0;
    case X86_REG_RCX: case X86_REG_ECX: case X86_REG_CX: case X86_REG_CL: case X86_REG_CH: return 1;
    case X86_REG_RDX: case X86_REG_EDX: case X86_REG_DX: case X86_REG_DL: case X86_REG_DH: return 2;
    case X86_REG_RBX: case X86_REG_EBX: case X86_REG_BX: case X86_REG_BL: case X86_REG_BH: return 3;
    case X86_REG_RSP: case X86_REG_ESP: case X86_REG_SP: case X86_REG_SPL: return 4;
    case X86_REG_RBP: case X86_REG_EBP: case X86_REG_BP: case X86_REG_BPL: return 5;
    case X86_REG_RSI: case X86_REG_ESI: case X86_REG_SI: case X86_REG_SIL: return 6;
    case X86_REG_RDI: case X86_REG_EDI: case X86_REG_DI: case X86_REG_DIL: return 7;
    case X86_REG_R8: case X86_REG_R8D: case X86_REG_R8W: case X86_REG_R8B: return 8;
    case X86_REG_R9: case X86_REG_R9D: case X86_REG_R9W: case X86_REG_R9B: return 9;
    case X86_REG_R10: case X86_REG_R10D: case X86_REG_R10W: case X86_REG_R10B: return 10;
    case X86_REG_R11: case X86_REG_R11D: case X86_REG_R11W: case X86_REG_R11B: return 11;
    case X86_REG_R12: case X86_REG_R12D: case X86_REG_R12W: case X86_REG_R12B: return 12;
    case X86_REG_R13: case X86_REG_R13D: case X86_REG_R13W: case X86_REG_R13B: return 13;
    case X86_REG_R14: case X86_REG_R14D: case X86_REG_R14W: case X86_REG_R14B: return 14;
    case X86_REG_R15: case X86_REG_R15D: case X86_REG_R15W: case X86_REG_R15B: return 15;
    case X86_REG_RIP: case X86_REG_EIP: return 16;
    default: return 255;
    }
}

/// Decodes one instruction; false where the bytes are none. The handle must give details.
static inline bool persona_decode(
    csh handle, cs_insn *instruction, const uint8_t *code, size_t size, uint64_t address,
    struct persona_x86_instruction *out) {
    if (!cs_disasm_iter(handle, &code, &size, &address, instruction)) return false;
    const cs_detail *detail = instruction->detail;
    const cs_x86 *x86 = &detail->x86;
    out->identifier = (uint16_t)instruction->id;
    out->length = (uint8_t)instruction->size;
    out->operand_count = x86->op_count > 3 ? 3 : x86->op_count;
    out->is_movable = persona_is_movable(handle, instruction);
    out->written = 0;
    cs_regs read, written;
    uint8_t read_count = 0, written_count = 0;
    if (cs_regs_access(handle, instruction, read, &read_count, written, &written_count) == CS_ERR_OK) {
        for (int i = 0; i < written_count; i++) {
            uint8_t number = persona_register_number(written[i]);
            if (number < 16) out->written |= 1u << number;
        }
    }
    for (int i = 0; i < out->operand_count; i++) {
        const cs_x86_op *operand = &x86->operands[i];
        struct persona_x86_operand *to = &out->operands[i];
        *to = (struct persona_x86_operand){ .kind = (uint8_t)operand->type, .width = operand->size, .base = 255, .index = 255,
                                        .is_written = (operand->access & CS_AC_WRITE) != 0 };
        switch (operand->type) {
        case X86_OP_REG:
            to->base = persona_register_number(operand->reg);
            to->is_high = operand->reg == X86_REG_AH || operand->reg == X86_REG_BH || operand->reg == X86_REG_CH
                || operand->reg == X86_REG_DH;
            if (to->is_written && to->base < 16) out->written |= 1u << to->base;
            break;
        case X86_OP_IMM: to->value = operand->imm; break;
        case X86_OP_MEM:
            to->base = persona_register_number(operand->mem.base);
            to->index = persona_register_number(operand->mem.index);
            to->is_segmented = operand->mem.segment == X86_REG_FS || operand->mem.segment == X86_REG_GS;
            to->value = operand->mem.disp;
            break;
        default: break;
        }
    }
    return true;
}
