/// System calls for the two halves of a dynamic OpenBSD/amd64 program: each from one place, which PT_OPENBSD_SYSCALLS
/// lists (sys/kern/exec_elf.c, libexec/ld.so). No libc, no headers of the system.
#ifndef SAMPLE_CALLS_H
#define SAMPLE_CALLS_H

#include <stddef.h>
#include <stdint.h>

/// PINNED(write, 4): `long call_write(...)` makes call 4 from one instruction.
#define PINNED(name, number)                                          \
    __asm__(".text\n.hidden call_" #name "\n.globl call_" #name "\n"  \
            "call_" #name ":\n"                                       \
            "        movl $" #number ", %eax\n"                       \
            "        movq %rcx, %r10\n"                               \
            "1:      syscall\n"                                       \
            "        jnc 2f\n"                                        \
            "        negq %rax\n"                                     \
            "2:      ret\n"                                           \
            ".section .openbsd.syscalls,\"\",@progbits\n"             \
            "        .long 1b, " #number "\n.text\n");                \
    long call_##name() __attribute__((visibility("hidden")))

/// What a process enters with behind its environment (sys/exec_elf.h).
enum { AUX_phdr = 3, AUX_phent = 4, AUX_phnum = 5, AUX_pagesz = 6, AUX_base = 7, AUX_entry = 9 };

typedef struct { uint32_t type, flags; uint64_t offset, address, physical, file_size, size, alignment; } header;
enum { PT_LOAD = 1, PT_DYNAMIC = 2, PT_PHDR = 6, PT_GNU_RELRO = 0x6474e552, PT_OPENBSD_SYSCALLS = 0x65a3dbe9 };

static size_t length(const char *text) {
    size_t count = 0;
    while (text[count]) count++;
    return count;
}

/// The note that OpenBSD's kernel runs a program by.
__asm__(".section .note.openbsd.ident,\"a\",@note\n"
        "        .long 8, 4, 1\n"
        "        .asciz \"OpenBSD\"\n"
        "        .long 0\n"
        ".text\n");

#endif
