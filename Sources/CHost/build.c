#include "host.h"

#include <elf.h>
#include <string.h>
#include <sys/auxv.h>

static size_t find(const char *notes, size_t size, uint8_t *bytes, size_t room) {
    for (size_t offset = 0; offset + sizeof(Elf64_Nhdr) <= size;) {
        const Elf64_Nhdr *note = (const Elf64_Nhdr *)(notes + offset);
        size_t name = offset + sizeof *note, start = name + ((note->n_namesz + 3) & ~3u);
        if (start + note->n_descsz > size) return 0;
        if (note->n_type == NT_GNU_BUILD_ID && note->n_namesz == 4 && memcmp(notes + name, "GNU", 4) == 0) {
            if (note->n_descsz > room) return 0;
            memcpy(bytes, notes + start, note->n_descsz);
            return note->n_descsz;
        }
        offset = start + ((note->n_descsz + 3) & ~3u);
    }
    return 0;
}

/// In place of the Swift runtime's own (Makefile): it looks in ten places for swift-backtrace at each start, of which
/// Persona brings none.
char *__wrap_swift_copyAuxiliaryExecutablePath(const char *name);
char *__wrap_swift_copyAuxiliaryExecutablePath(const char *name) {
    (void)name;
    return NULL;
}

size_t persona_build_identity(uint8_t *bytes, size_t room) {
    const Elf64_Phdr *headers = (const Elf64_Phdr *)getauxval(AT_PHDR);
    size_t count = getauxval(AT_PHNUM);
    uintptr_t bias = 0;
    // A position-independent executable lists its own headers; any other lies where it says.
    for (size_t i = 0; headers && i < count; i++)
        if (headers[i].p_type == PT_PHDR) bias = (uintptr_t)headers - headers[i].p_vaddr;
    for (size_t i = 0; headers && i < count; i++) {
        if (headers[i].p_type != PT_NOTE) continue;
        size_t length = find((const char *)(headers[i].p_vaddr + bias), headers[i].p_memsz, bytes, room);
        if (length) return length;
    }
    return 0;
}
