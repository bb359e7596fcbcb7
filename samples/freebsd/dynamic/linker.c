// A run-time linker that does what FreeBSD's does first: it checks field by field what the kernel owes it, loads
// libraries with the same calls (libexec/rtld-elf/map_object.c), relocates, lays out thread-local storage, and opens
// libraries while the program runs. Its constants are the system's own headers'.
#include <sys/types.h>
#include <sys/elf.h>
#include <sys/fcntl.h>
#include <sys/link_elf.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/sysctl.h>

enum { SET_FSBASE = 129, PAGE = 4096, LIMIT = 8 };

/// The release that it is of, as lib/csu/common/crtbrand.S says it since 13.
__asm__(".section .note.tag, \"a\", @note\n.balign 4\n.long 8, 4, 1\n.asciz \"FreeBSD\"\n.long 1400097\n.text\n");

/// System calls as the C library has them (lib/libc/amd64/SYS.h), one function each.
#define TEXT_(number) #number
#define TEXT(number) TEXT_(number)
#define CALL(name)                                                                                       \
    long call_##name(long, long, long, long, long, long) __attribute__((visibility("hidden")));          \
    __asm__(".text\n.balign 16\ncall_" #name ": mov $" TEXT(SYS_##name) ", %eax\nmov %rcx, %r10\nsyscall\n" \
            "jb 1f\nret\n1: neg %rax\nret")
CALL(access);
CALL(close);
CALL(exit);
CALL(getrlimit);
CALL(mmap);
CALL(mprotect);
CALL(munmap);
CALL(open);
CALL(sysarch);
CALL(write);
CALL(__sysctl);
#define CALL_(name, a, b, c, d, e, f, ...) call_##name((long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))
#define SYS(name, ...) CALL_(name, ##__VA_ARGS__, 0, 0, 0, 0, 0, 0, 0)

static size_t length(const char *text) {
    size_t count = 0;
    while (text[count]) count++;
    return count;
}
static int same(const char *left, const char *right) {
    while (*left && *left == *right) left++, right++;
    return *left == *right;
}
void *memset(void *to, int byte, size_t count) {
    for (size_t index = 0; index < count; index++) ((volatile char *)to)[index] = (char)byte;
    return to;
}
void *memcpy(void *to, const void *from, size_t count) {
    for (size_t index = 0; index < count; index++) ((volatile char *)to)[index] = ((const char *)from)[index];
    return to;
}
static void say(const char *text) { SYS(write, 1, text, length(text)); }
static void check(const char *what, int truth) {
    say(what);
    say(truth ? ": yes\n" : ": NO\n");
}
__attribute__((noreturn)) static void give_up(const char *what, const char *name) {
    say(what);
    say(name);
    say("\n");
    SYS(exit, 1);
    __builtin_trap();
}

// MARK: - The auxiliary vector

static long number(int first, int second, int third) {
    int name[] = {first, second, third};
    long value = 0;
    size_t size = sizeof value;
    return SYS(__sysctl, name, third ? 3 : 2, &value, &size, 0, 0) == 0 ? value : -1;
}
/// The variable of a name, whose numbers {0, 3} tells, as sysctlbyname(3) does.
static long named(const char *text, void *value, size_t size) {
    int translation[] = {0, 3}, name[24];
    size_t bytes = sizeof name;
    if (SYS(__sysctl, translation, 2, name, &bytes, text, length(text)) != 0) return -1;
    return SYS(__sysctl, name, bytes / sizeof *name, value, &size, 0, 0) == 0 ? (long)size : -1;
}

extern const Elf_Ehdr __ehdr_start __attribute__((visibility("hidden")));

static long values[64];
static char present[64];

/// The entries of a vector by their names, in the order of their types.
static const char *name_of(long type) {
    switch (type) {
    case AT_EXECFD: return "AT_EXECFD";
    case AT_PHDR: return "AT_PHDR";
    case AT_PHENT: return "AT_PHENT";
    case AT_PHNUM: return "AT_PHNUM";
    case AT_PAGESZ: return "AT_PAGESZ";
    case AT_BASE: return "AT_BASE";
    case AT_FLAGS: return "AT_FLAGS";
    case AT_ENTRY: return "AT_ENTRY";
    case AT_EXECPATH: return "AT_EXECPATH";
    case AT_CANARY: return "AT_CANARY";
    case AT_CANARYLEN: return "AT_CANARYLEN";
    case AT_OSRELDATE: return "AT_OSRELDATE";
    case AT_NCPUS: return "AT_NCPUS";
    case AT_PAGESIZES: return "AT_PAGESIZES";
    case AT_PAGESIZESLEN: return "AT_PAGESIZESLEN";
    case AT_TIMEKEEP: return "AT_TIMEKEEP";
    case AT_STACKPROT: return "AT_STACKPROT";
    case AT_EHDRFLAGS: return "AT_EHDRFLAGS";
    case AT_HWCAP: return "AT_HWCAP";
    case AT_BSDFLAGS: return "AT_BSDFLAGS";
    case AT_ARGC: return "AT_ARGC";
    case AT_ARGV: return "AT_ARGV";
    case AT_ENVC: return "AT_ENVC";
    case AT_ENVV: return "AT_ENVV";
    case AT_PS_STRINGS: return "AT_PS_STRINGS";
    case AT_USRSTACKBASE: return "AT_USRSTACKBASE";
    case AT_USRSTACKLIM: return "AT_USRSTACKLIM";
    default: return "another";
    }
}

struct strings { char **argv; unsigned argc; char **envv; unsigned envc; };

static int is_random(const unsigned char *bytes, size_t count) {
    int kinds = 0;
    for (size_t index = 1; index < count; index++) kinds += bytes[index] != bytes[0];
    return kinds > 8;
}

static int is_right(long type, long value, long *stack, const Elf_Ehdr *program) {
    long argc = stack[0];
    char **argv = (char **)(stack + 1), **envv = argv + argc + 1;
    long envc = 0, lengths[3], sizes[3] = {-1, -1, -1};
    while (envv[envc]) envc++;
    struct strings *strings = (struct strings *)value;
    struct rlimit limit = {0, 0};
    switch (type) {
    case AT_PHDR: return value == (long)program + (long)program->e_phoff;
    case AT_PHENT: return value == sizeof(Elf_Phdr);
    case AT_PHNUM: return value == program->e_phnum;
    case AT_PAGESZ: return value == PAGE;
    case AT_BASE: return value == (long)&__ehdr_start;
    case AT_FLAGS: case AT_BSDFLAGS: return value == 0;
    case AT_EHDRFLAGS: return value == (long)program->e_flags;
    case AT_ENTRY: return value == (program->e_type == ET_DYN ? (long)program : 0) + (long)program->e_entry;
    case AT_EXECPATH: return same((char *)value, "/bin/program") || same((char *)value, "/bin/fixed");
    case AT_CANARY: return value > (long)stack && is_random((unsigned char *)value, 64);
    case AT_CANARYLEN: return value == 64;
    case AT_OSRELDATE: return value == (int)number(CTL_KERN, KERN_OSRELDATE, 0);
    case AT_NCPUS: return value == (int)number(CTL_HW, HW_NCPU, 0);
    case AT_PAGESIZES:
        memcpy(lengths, (void *)value, sizeof lengths);
        return named("hw.pagesizes", sizes, sizeof sizes) == sizeof sizes && lengths[0] == PAGE &&
               sizes[0] == lengths[0] && sizes[1] == lengths[1] && sizes[2] == lengths[2];
    case AT_PAGESIZESLEN: return value == 3 * sizeof(long);
    // What the program's PT_GNU_STACK asks for (kern/imgact_elf.c).
    case AT_STACKPROT: return value == (PROT_READ | PROT_WRITE);
    case AT_ARGC: return value == argc;
    case AT_ARGV: return value == (long)argv;
    case AT_ENVC: return value == envc;
    case AT_ENVV: return value == (long)envv;
    case AT_PS_STRINGS:
        return strings->argv == argv && strings->argc == argc && strings->envv == envv && strings->envc == envc;
    case AT_USRSTACKBASE:
        return value % PAGE == 0 && value > (long)argv[argc - 1] && value == number(CTL_KERN, KERN_USRSTACK, 0);
    case AT_USRSTACKLIM: return SYS(getrlimit, RLIMIT_STACK, &limit) == 0 && value == limit.rlim_cur;
    default: return 0;
    }
}

static void check_vector(long *stack) {
    char **environment = (char **)(stack + 1 + stack[0] + 1);
    while (*environment) environment++;
    for (Elf_Auxinfo *entry = (Elf_Auxinfo *)(environment + 1); entry->a_type != AT_NULL; entry++) {
        if (entry->a_type < 0 || entry->a_type >= 64 || present[entry->a_type]) give_up("a type twice or out of range", "");
        present[entry->a_type] = 1;
        values[entry->a_type] = (long)entry->a_un.a_val;
    }
    const Elf_Phdr *headers = (const Elf_Phdr *)values[AT_PHDR];
    // The first segment begins with the file's header.
    const Elf_Ehdr *program = (const Elf_Ehdr *)((long)headers & ~(PAGE - 1L));
    for (long type = 1; type < 64; type++)
        if (present[type]) check(name_of(type), is_right(type, values[type], stack, program));
}

// MARK: - Objects

typedef struct {
    const char *name;
    long base;
    const Elf_Phdr *headers;
    long count;
    const Elf_Sym *symbols;
    const char *strings, *search;
    unsigned symbol_count;
    const Elf_Rela *relocations[2];
    size_t relocation_bytes[2];
    const Elf_Dyn *dynamic;
    void (**initializers)(int, char **, char **);
    size_t initializer_count;
    const Elf_Phdr *storage;
    long offset;  // of its thread-local storage, below the thread pointer; 0 without a place there
} object;

static object objects[LIMIT];
static int object_count;
static char *thread_pointer;
static char *late_storage[LIMIT];
static long static_size;

static void read_dynamic(object *one) {
    for (long index = 0; index < one->count; index++) {
        if (one->headers[index].p_type == PT_DYNAMIC)
            one->dynamic = (const Elf_Dyn *)(one->base + (long)one->headers[index].p_vaddr);
        if (one->headers[index].p_type == PT_TLS) one->storage = &one->headers[index];
    }
    for (const Elf_Dyn *tag = one->dynamic; tag->d_tag != DT_NULL; tag++) {
        long address = one->base + (long)tag->d_un.d_ptr;
        switch (tag->d_tag) {
        case DT_SYMTAB: one->symbols = (const Elf_Sym *)address; break;
        case DT_STRTAB: one->strings = (const char *)address; break;
        case DT_HASH: one->symbol_count = ((const unsigned *)address)[1]; break;
        case DT_RELA: one->relocations[0] = (const Elf_Rela *)address; break;
        case DT_RELASZ: one->relocation_bytes[0] = tag->d_un.d_val; break;
        case DT_JMPREL: one->relocations[1] = (const Elf_Rela *)address; break;
        case DT_PLTRELSZ: one->relocation_bytes[1] = tag->d_un.d_val; break;
        case DT_INIT_ARRAY: one->initializers = (void (**)(int, char **, char **))address; break;
        case DT_INIT_ARRAYSZ: one->initializer_count = tag->d_un.d_val / sizeof(void *); break;
        default: break;
        }
    }
    for (const Elf_Dyn *tag = one->dynamic; tag->d_tag != DT_NULL; tag++)
        if (tag->d_tag == DT_RUNPATH || tag->d_tag == DT_RPATH) one->search = one->strings + tag->d_un.d_val;
}

static int protection(unsigned flags) {
    return (flags & PF_R ? PROT_READ : 0) | (flags & PF_W ? PROT_WRITE : 0) | (flags & PF_X ? PROT_EXEC : 0);
}

/// Maps a library as map_object.c does.
static object *load(const char *path) {
    for (int index = 0; index < object_count; index++)
        if (objects[index].name && same(objects[index].name, path)) return &objects[index];
    long file = SYS(open, path, O_RDONLY | O_CLOEXEC | O_VERIFY);
    if (file < 0) return 0;
    long first = SYS(mmap, 0, PAGE, PROT_READ, MAP_PRIVATE | MAP_PREFAULT_READ, file, 0);
    const Elf_Ehdr *header = (const Elf_Ehdr *)first;
    if (first < 0 || header->e_type != ET_DYN || header->e_ident[EI_CLASS] != ELFCLASS64)
        give_up("no library: ", path);
    const Elf_Phdr *headers = (const Elf_Phdr *)(first + (long)header->e_phoff);
    long end = 0;
    for (int index = 0; index < header->e_phnum; index++)
        if (headers[index].p_type == PT_LOAD) end = (long)(headers[index].p_vaddr + headers[index].p_memsz);
    end = (end + PAGE - 1) & ~(PAGE - 1L);
    int reserve = number(CTL_KERN, KERN_OSRELDATE, 0) >= 1200035 ? MAP_GUARD : MAP_PRIVATE | MAP_ANON | MAP_NOCORE;
    long base = SYS(mmap, 0, end, PROT_NONE, reserve, -1, 0);
    if (base < 0) give_up("no room for ", path);
    for (int index = 0; index < header->e_phnum; index++) {
        const Elf_Phdr *segment = &headers[index];
        if (segment->p_type != PT_LOAD) continue;
        long start = base + ((long)segment->p_vaddr & ~(PAGE - 1L));
        long in_file = base + (long)(segment->p_vaddr + segment->p_filesz);
        long stop = base + (long)((segment->p_vaddr + segment->p_memsz + PAGE - 1) & ~(PAGE - 1UL));
        long mapped = (in_file + PAGE - 1) & ~(PAGE - 1L);
        int allowed = protection(segment->p_flags);
        if (SYS(mmap, start, mapped - start, allowed, MAP_PRIVATE | MAP_FIXED | MAP_NOCORE | MAP_PREFAULT_READ, file,
                segment->p_offset & ~(PAGE - 1UL)) != start)
            give_up("cannot map ", path);
        if (segment->p_memsz == segment->p_filesz) continue;
        if (!(segment->p_flags & PF_W)) SYS(mprotect, mapped - PAGE, PAGE, allowed | PROT_WRITE);
        memset((void *)in_file, 0, (size_t)(mapped - in_file));
        if (!(segment->p_flags & PF_W)) SYS(mprotect, mapped - PAGE, PAGE, allowed);
        if (stop > mapped &&
            SYS(mmap, mapped, stop - mapped, allowed, MAP_PRIVATE | MAP_FIXED | MAP_ANON, -1, 0) != mapped)
            give_up("cannot map the bss of ", path);
    }
    object *one = &objects[object_count++];
    one->name = path;
    one->base = base;
    one->headers = (const Elf_Phdr *)(base + (long)header->e_phoff);
    one->count = header->e_phnum;
    SYS(munmap, first, PAGE);
    SYS(close, file);
    read_dynamic(one);
    return one;
}

static void *open_library(const char *path, int mode);
static void *find_symbol(void *handle, const char *name);
static void *storage_address(unsigned long *index);

static long resolve(const char *name, const object **owner, const Elf_Sym **found, int weak) {
    *owner = 0;
    if (same(name, "dlopen")) return (long)open_library;
    if (same(name, "dlsym")) return (long)find_symbol;
    if (same(name, "__tls_get_addr")) return (long)storage_address;
    for (int index = 0; index < object_count; index++) {
        const object *one = &objects[index];
        for (unsigned symbol = 1; symbol < one->symbol_count; symbol++) {
            const Elf_Sym *candidate = &one->symbols[symbol];
            if (candidate->st_shndx == SHN_UNDEF || !same(one->strings + candidate->st_name, name)) continue;
            *owner = one;
            *found = candidate;
            return one->base + (long)candidate->st_value;
        }
    }
    if (!weak) give_up("undefined: ", name);
    return 0;
}

static void relocate(const object *one) {
    for (int part = 0; part < 2; part++) {
        const Elf_Rela *entry = one->relocations[part];
        for (size_t left = one->relocation_bytes[part] / sizeof *entry; left > 0; left--, entry++) {
            long *place = (long *)(one->base + (long)entry->r_offset), symbol = 0;
            const object *owner = 0;
            const Elf_Sym *wanted = &one->symbols[ELF_R_SYM(entry->r_info)], *found = wanted;
            if (ELF_R_SYM(entry->r_info))
                symbol = resolve(one->strings + wanted->st_name, &owner, &found, ELF_ST_BIND(wanted->st_info) == STB_WEAK);
            if (!owner) owner = one;
            switch (ELF_R_TYPE(entry->r_info)) {
            case R_X86_64_RELATIVE: *place = one->base + entry->r_addend; break;
            case R_X86_64_64: *place = symbol + entry->r_addend; break;
            case R_X86_64_GLOB_DAT: case R_X86_64_JMP_SLOT: *place = symbol; break;
            case R_X86_64_DTPMOD64: *place = owner - objects + 1; break;
            case R_X86_64_DTPOFF64: *place = (ELF_R_SYM(entry->r_info) ? (long)found->st_value : 0) + entry->r_addend; break;
            case R_X86_64_TPOFF64:
                *place = (ELF_R_SYM(entry->r_info) ? (long)found->st_value : 0) + entry->r_addend - owner->offset;
                break;
            case R_X86_64_COPY: memcpy(place, (void *)symbol, wanted->st_size); break;
            default: give_up("a relocation that is not known in ", one->name);
            }
        }
    }
    for (long index = 0; index < one->count; index++) {
        const Elf_Phdr *segment = &one->headers[index];
        if (segment->p_type != PT_GNU_RELRO) continue;
        long start = (one->base + (long)segment->p_vaddr) & ~(PAGE - 1L);
        long stop = (one->base + (long)(segment->p_vaddr + segment->p_memsz)) & ~(PAGE - 1L);
        if (stop > start && SYS(mprotect, start, stop - start, PROT_READ) != 0) give_up("no relro in ", one->name);
    }
}

static void initialize(const object *one, long *stack) {
    char **argv = (char **)(stack + 1);
    for (size_t index = 0; index < one->initializer_count; index++)
        one->initializers[index]((int)stack[0], argv, argv + stack[0] + 1);
}

// MARK: - Thread-local storage (variant II: below the thread pointer)

static void fill(char *to, const object *one) {
    memcpy(to, (void *)(one->base + (long)one->storage->p_vaddr), one->storage->p_filesz);
    memset(to + one->storage->p_filesz, 0, one->storage->p_memsz - one->storage->p_filesz);
}

static void lay_out_storage(void) {
    for (int index = 0; index < object_count; index++) {
        object *one = &objects[index];
        if (!one->storage) continue;
        long align = (long)one->storage->p_align;
        static_size = (static_size + (long)one->storage->p_memsz + align - 1) & -align;
        one->offset = static_size;
    }
    char *block = (char *)SYS(mmap, 0, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANON, -1, 0);
    thread_pointer = block + 3 * PAGE;
    *(char **)thread_pointer = thread_pointer;
    for (int index = 0; index < object_count; index++)
        if (objects[index].storage) fill(thread_pointer - objects[index].offset, &objects[index]);
    struct { char *base; } request = {thread_pointer};
    check("the thread pointer is set", SYS(sysarch, SET_FSBASE, &request) == 0);
    char *seen;
    __asm__("movq %%fs:0, %0" : "=r"(seen));
    check("and found", seen == thread_pointer);
}

static void *storage_address(unsigned long *index) {
    const object *one = &objects[index[0] - 1];
    if (one->offset) return thread_pointer - one->offset + index[1];
    char **late = &late_storage[index[0] - 1];
    if (!*late) {
        *late = (char *)SYS(mmap, 0, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANON, -1, 0);
        fill(*late, one);
    }
    return *late + index[1];
}

// MARK: - Libraries

static long *first_stack;
static char paths[LIMIT][128];
static int path_count;

/// Where a library is: by its path, or in /lib, or in its program's DT_RUNPATH with $ORIGIN.
static const char *find(const char *name) {
    char *path = paths[path_count++];
    const char *search = objects[0].search, *prefix = "/lib/";
    size_t used = 0;
    int has_slash = 0;
    for (size_t index = 0; name[index]; index++) has_slash |= name[index] == '/';
    if (!has_slash && search && search[0] == '$') {
        // "$ORIGIN/…": AT_EXECPATH without its last name.
        const char *program = (const char *)values[AT_EXECPATH];
        size_t folder = length(program);
        while (program[folder - 1] != '/') folder--;
        memcpy(path, program, folder - 1);
        used = folder - 1;
        memcpy(path + used, search + 7, length(search + 7) + 1);
        used += length(search + 7);
        path[used++] = '/';
        memcpy(path + used, name, length(name) + 1);
        if (SYS(access, path, 0) == 0) return path;
        used = 0;
    }
    if (!has_slash) {
        memcpy(path, prefix, length(prefix));
        used = length(prefix);
    }
    memcpy(path + used, name, length(name) + 1);
    return path;
}

static void load_needed(object *one) {
    for (const Elf_Dyn *tag = one->dynamic; tag->d_tag != DT_NULL; tag++) {
        if (tag->d_tag != DT_NEEDED) continue;
        const char *name = one->strings + tag->d_un.d_val;
        // What they hold is here.
        if (same(name, "ld-elf.so.1") || same(name, "libdl.so.1")) continue;
        if (!load(find(name))) give_up("not found: ", name);
    }
}

static void *open_library(const char *path, int mode) {
    (void)mode;
    int before = object_count;
    object *one = load(find(path));
    if (!one) return 0;
    for (int index = before; index < object_count; index++) load_needed(&objects[index]);
    for (int index = before; index < object_count; index++) relocate(&objects[index]);
    for (int index = object_count; index > before; index--) initialize(&objects[index - 1], first_stack);
    return one;
}

static void *find_symbol(void *handle, const char *name) {
    (void)handle;
    const object *owner;
    const Elf_Sym *found;
    return (void *)resolve(name, &owner, &found, 1);
}

/// Tells, if the environment asks for it, whether its calls are jumps from the beginning.
static void tell_calls(long *stack) {
    char **environment = (char **)(stack + 1) + stack[0] + 1;
    for (; *environment; environment++)
        if (same(*environment, "TELL=calls")) {
            int jumps = (*(const unsigned char *)call_write == 0xe9) + (*(const unsigned char *)call_mmap == 0xe9);
            say(jumps == 0 ? "the linker's calls trap\n" : jumps == 2 ? "the linker's calls are jumps\n" : "some of the linker's calls trap\n");
        }
}

__attribute__((used)) static long link(long *stack, long registers) {
    first_stack = stack;
    tell_calls(stack);
    check("the stack is aligned, and a return address short of it", (long)stack % 16 == 0 && registers % 16 == 8);
    check("the arguments' strings end", stack[0] >= 1 && ((char **)(stack + 1))[stack[0]] == 0);
    check_vector(stack);
    object *program = &objects[object_count++];
    program->headers = (const Elf_Phdr *)values[AT_PHDR];
    program->count = values[AT_PHNUM];
    for (long index = 0; index < program->count; index++)
        if (program->headers[index].p_type == PT_PHDR)
            program->base = values[AT_PHDR] - (long)program->headers[index].p_vaddr;
    read_dynamic(program);
    for (int index = 0; index < object_count; index++) load_needed(&objects[index]);
    lay_out_storage();
    for (int index = object_count; index > 0; index--) relocate(&objects[index - 1]);
    for (int index = object_count; index > 1; index--) initialize(&objects[index - 1], stack);
    return values[AT_ENTRY];
}

static void clean_up(void) { say("the linker's clean-up\n"); }
__attribute__((used)) static long clean_up_address(void) { return (long)clean_up; }

__asm__(".globl _start\n"
        "_start: movq %rdi, %rbx\n"
        "        movq %rsp, %rsi\n"
        "        movq %rsp, %rbp\n"
        "        andq $-16, %rsp\n"
        "        call link\n"
        "        movq %rax, %r12\n"
        "        call clean_up_address\n"
        "        movq %rax, %rsi\n"
        "        movq %rbx, %rdi\n"
        "        movq %rbp, %rsp\n"
        "        jmp *%r12\n");
