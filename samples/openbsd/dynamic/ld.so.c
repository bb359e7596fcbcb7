// The least that a run-time linker does, to show what a kernel owes it: the auxiliary vector, its own calls pinned by
// the kernel, the program's by pinsyscalls, binding in read-only memory by kbind, and memory that stays as it is.
#include "calls.h"

PINNED(exit, 1);
PINNED(write, 4);
PINNED(open, 5);
PINNED(close, 6);
PINNED(mprotect, 74);
PINNED(kbind, 86);
PINNED(pinsyscalls, 158);
PINNED(mimmutable, 159);
PINNED(pread, 169);

extern const char __ehdr_start[] __attribute__((visibility("hidden")));

static void say(const char *text) { call_write(1, text, length(text)); }

static void check(const char *what, int truth) {
    say(what);
    say(truth ? ": yes\n" : ": NO\n");
    if (!truth) call_exit(1);
}

/// What the program finds in its slot.
static void service(const char *text) {
    say("the linker says: ");
    say(text);
}

/// Pins the program's calls to the places that its file lists.
static void pin(const char *path, const header *list, const header *text) {
    uint32_t entries[32], places[200];
    long file = call_open(path, 0, 0);
    long bytes = call_pread(file, entries, list->file_size, list->offset);
    check("the list of the program's calls", bytes == (long)list->file_size && bytes <= (long)sizeof entries);
    call_close(file);
    for (int number = 0; number < 200; number++) ((volatile uint32_t *)places)[number] = 0;
    for (long index = 0; index < bytes / 8; index++)
        places[entries[2 * index + 1]] = entries[2 * index] - (uint32_t)text->address;
    return check("pinsyscalls", call_pinsyscalls((long)text->physical, text->size, places, 200) == 0);
}

__attribute__((used)) static void link(long *stack, void **entry) {
    long argc = stack[0];
    char **argv = (char **)(stack + 1), **environment = argv + argc + 1;
    while (*environment) environment++;
    long values[16] = {0};
    for (long *pair = (long *)(environment + 1); pair[0]; pair += 2)
        if (pair[0] > 0 && pair[0] < 16) values[pair[0]] = pair[1];
    check("AUX_base is the linker's", values[AUX_base] == (long)__ehdr_start);
    check("AUX_phent and AUX_pagesz", values[AUX_phent] == sizeof(header) && values[AUX_pagesz] == 4096);

    const header *headers = (const header *)values[AUX_phdr], *dynamic = 0, *readonly = 0, *list = 0;
    header text = {0};
    long bias = 0;
    for (long index = 0; index < values[AUX_phnum]; index++)
        if (headers[index].type == PT_PHDR) bias = (long)headers - (long)headers[index].address;
    for (long index = 0; index < values[AUX_phnum]; index++) {
        const header *one = &headers[index];
        if (one->type == PT_DYNAMIC) dynamic = one;
        if (one->type == PT_GNU_RELRO) readonly = one;
        if (one->type == PT_OPENBSD_SYSCALLS) list = one;
        if (one->type == PT_LOAD && one->flags & 1) {
            text.address = one->address;
            text.physical = (uint64_t)bias + one->address;
            text.size = one->size;
        }
    }
    check("AUX_entry is in the program", values[AUX_entry] - (long)text.physical < (long)text.size);

    // The slot is the symbol of that name: DT_HASH 4, DT_STRTAB 5, DT_SYMTAB 6.
    long tables[8] = {0};
    for (long *tag = (long *)(bias + dynamic->address); tag[0]; tag += 2)
        if (tag[0] < 8) tables[tag[0]] = bias + tag[1];
    struct { uint32_t name; uint8_t info, other; uint16_t section; uint64_t value, size; } *symbols = (void *)tables[6];
    long slot = 0;
    for (uint32_t index = 0; index < ((uint32_t *)tables[4])[1]; index++) {
        const char *name = (const char *)tables[5] + symbols[index].name;
        if (name[0] == 's' && name[1] == 'l' && name[2] == 'o' && name[3] == 't' && !name[4])
            slot = bias + (long)symbols[index].value;
    }
    check("the program's slot", slot != 0);
    long start = (bias + (long)readonly->address) & ~4095L;
    long size = ((bias + (long)(readonly->address + readonly->size) + 4095) & ~4095L) - start;
    check("its memory is in PT_GNU_RELRO", slot >= start && slot < start + size);
    check("which becomes read-only", call_mprotect(start, size, 1) == 0);
    check("and stays so", call_mimmutable(start, size) == 0 && call_mprotect(start, size, 3) == -1);
    struct { long address, size; void *value; } request = {slot, 8, (void *)service};
    check("kbind all the same", call_kbind(&request, sizeof request, 0x5eed) == 0);
    pin(argv[0], list, &text);
    check("pinsyscalls once only", call_pinsyscalls((long)text.physical, text.size, &bias, 1) == -1);
    *entry = (void *)values[AUX_entry];
}

__asm__(".globl _start\n"
        "_start: movq %rsp, %rdi\n"
        "        pushq $0\n"
        "        movq %rsp, %rsi\n"
        "        pushq $0\n"
        "        call link\n"
        "        popq %rax\n"
        "        popq %rax\n"
        "        jmp *%rax\n");
