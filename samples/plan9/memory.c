// rfork(RFMEM): data, bss and heap are one, and each process has a stack of its own at the same address.
// brk, segattach, segbrk, segfree, segdetach.
#include "plan9.h"

static char line[256];
static volatile long counter = 40;
static volatile long table[1000];

static void wait_for_child(void) { await(line, sizeof line); }

void start(long argc, char **argv) {
    close(2);  // where the kernel says why a process came to its end
    volatile long local = 1;
    volatile char *heap = (volatile char *)0x600000;
    expect("brk", call(BRK_, (long)heap + 8192, 0, 0, 0), 0);
    heap[0] = 'a';

    // Plain: everything is a copy.
    if (rfork(RFPROC) == 0) {
        counter++, local++, heap[0]++;
        done(0);
    }
    wait_for_child();
    expect("data after rfork", counter, 40);
    expect("stack after rfork", local, 1);

    // RFMEM: the stack alone is a copy.
    if (rfork(RFPROC | RFMEM) == 0) {
        counter++, local++, heap[0]++, table[999] = 7;
        done(0);
    }
    wait_for_child();
    expect("data after rfork(RFMEM)", counter, 41);
    expect("bss", table[999], 7);
    expect("heap", heap[0], 'b');
    expect("stack", local, 1);

    // The heap that one makes the others have.
    if (rfork(RFPROC | RFMEM) == 0) {
        call(BRK_, (long)heap + 64 * 1024 * 1024, 0, 0, 0);
        heap[64 * 1024 * 1024 - 1] = 'z';
        while (counter != 100) sleep(1);
        counter = 101;
        done(0);
    }
    while (counter != 100) {
        sleep(1);
        if (heap[8191] == 0 && call(BRK_, (long)heap + 8192, 0, 0, 0) == -1) counter = 100;
    }
    expect_text("brk down while it is shared", why(), "device or object already in use");
    wait_for_child();
    expect("both ran", counter, 101);
    expect("the other's heap", heap[64 * 1024 * 1024 - 1], 'z');
    expect("brk down when it is one's own", call(BRK_, (long)heap + 8192, 0, 0, 0), 0);
    if (rfork(RFPROC) == 0) {
        heap[1024 * 1024] = 1;
        done(0);
    }
    wait_for_child();
    holds("what lies behind it faults", begins(message(line), "sys: trap: fault write addr=0x700000 pc=0x"));

    // Plain again, out of shared memory: a copy of how it is now.
    if (rfork(RFPROC) == 0) {
        counter++, heap[0] = 'q', heap[5000] = 1;
        done(counter == 102 && table[999] == 7 ? 0 : "not a copy");
    }
    wait_for_child();
    expect_text("a copy of shared data", message(line), "");
    expect("is the child's", counter, 101);
    expect("heap", heap[0], 'b');
    // And a child of it shares with its own children only.
    if (rfork(RFPROC) == 0) {
        if (rfork(RFPROC | RFMEM) == 0) {
            counter += 1000;
            done(0);
        }
        await(line, sizeof line);
        done(counter == 1101 ? 0 : "not shared");
    }
    wait_for_child();
    expect_text("sharing anew", message(line), "");
    expect("not with us", counter, 101);

    // Attached segments.
    fails("a class that does not exist", call(SEGATTACH, 0, (long)"blue", 0, 4096), "segment not found");
    fails("at the kernel", call(SEGATTACH, 0, (long)"shared", (long)0xffff800000000000, 4096), "virtual address in kernel");
    fails("without length", call(SEGATTACH, 0, (long)"shared", 0, 0), "length overflow");
    // A length is a ulong: the upper half of its place on the stack is whatever was there.
    const long above = 0x5a5aL << 32;
    volatile long *both = (volatile long *)call(SEGATTACH, 0, (long)"shared", 0, 8192 | above);
    volatile long *own = (volatile long *)call(SEGATTACH, 0, (long)"memory", 0x10000000, 8192);
    expect("where it was asked for", (long)own, 0x10000000);
    fails("where something is", call(SEGATTACH, 0, (long)"memory", 0x10001000, 4096), "segments overlap");
    if (rfork(RFPROC) == 0) {
        *both = 5, *own = 6;
        done(0);
    }
    wait_for_child();
    expect("shared over rfork", *both, 5);
    expect("memory over rfork", *own, 0);
    if (rfork(RFPROC | RFMEM) == 0) {
        *own = 6;
        done(0);
    }
    wait_for_child();
    expect("memory over rfork(RFMEM)", *own, 6);
    expect("segbrk", call(SEGBRK, (long)own, (long)own + 16384, 0, 0), (long)own + 16384);
    own[2047] = 3;
    expect("segfree", call(SEGFREE, (long)own, 8192 | above, 0, 0), 0);
    expect("reads as zero", *own, 0);
    expect("what lies behind stays", own[2047], 3);
    expect("segflush", call(SEGFLUSH, (long)own, 16384, 0, 0), 0);
    expect("segdetach", call(SEGDETACH, (long)own, 0, 0, 0), 0);
    fails("segdetach again", call(SEGDETACH, (long)own, 0, 0, 0), "bad arg in system call");
    fails("segdetach of the stack", call(SEGDETACH, (long)&local, 0, 0, 0), "bad arg in system call");
}
