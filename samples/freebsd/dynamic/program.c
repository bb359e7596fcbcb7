// A program as zig cc links it for FreeBSD, with the system's own start code; it needs libc.so.7.
#include <dlfcn.h>
#include <stdio.h>

extern _Thread_local int library_storage;
extern int library_data;
extern int library_sum(void);
_Thread_local int own_storage = 11;
__attribute__((visibility("default"))) int program_answer(int value) { return value * 2; }

static void check(const char *what, int truth) {
    static char line[80];
    int used = 0;
    while (what[used]) line[used] = what[used], used++;
    line[used++] = ':';
    line[used++] = ' ';
    for (const char *word = truth ? "yes" : "NO"; *word;) line[used++] = *word++;
    line[used] = 0;
    puts(line);
}

int main(int argc, char **argv) {
    check("arguments", argc == 2 && argv[1][0] == 'x');
    check("data of a library", library_data == 35 && library_sum() == 142);
    check("thread-local storage", own_storage == 11 && library_storage == 8 && ++own_storage == 12);
    check("a constructor ran, and storage was written", library_sum() == 143);
    check("no such library", dlopen("/lib/none.so", RTLD_NOW) == 0);
    void *plugin = dlopen("plugin.so", RTLD_NOW);
    int (*work)(int) = plugin ? (int (*)(int))dlsym(plugin, "plugin_work") : 0;
    check("a library by $ORIGIN", work != 0);
    check("its storage, bss and calls", work && work(5) == 18 && work(5) == 19);
    return 3;
}
