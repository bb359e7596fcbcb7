"""Dynamic programs and shells of bench/run.py: programs of a base tree, and two builds of one shell."""
import json
import os
import subprocess
import time

from run import BUILD, PERSONA, TOP, path, toolchain_clang
from timing import whole

# Loops of bench/shells.sh, how many turns, and the most that they may take in terms of the Linux build of the shell.
LOOPS = [("arithmetic", 100000), ("case", 100000), ("function", 100000), ("substitution", 1000), ("command", 200),
         ("pipeline", 500), ("here-document", 3000)]
LOOP_TARGET = 1.5
# FreeBSD's C library allocates by jemalloc, which a fork's child touches more pages of than of glibc's: the Linux build with
# that library is the floor of its loops.
ALLOCATOR = "/usr/lib/x86_64-linux-gnu/libjemalloc.so.2"
EXEC_TARGET = 1.6


def build(root):
    """bench/dynamic.c for Linux, and for FreeBSD with what the tree itself brings: crt1.o and libc.so.7."""
    source = os.path.join(TOP, "bench", "dynamic.c")
    subprocess.run([toolchain_clang(), "-O2", "-o", path("dynamic", "linux"), source], check=True)
    if not os.path.exists(os.path.join(root, "usr", "lib", "crt1.o")):
        raise SystemExit(f"{root}: no usr/lib/crt1.o to link a program with; unpack base.txz whole")
    crt1, crti, crtn = (os.path.join(root, "usr", "lib", name) for name in ("crt1.o", "crti.o", "crtn.o"))
    subprocess.run([toolchain_clang(), "--target=x86_64-unknown-freebsd", "-nostdlib", "-fuse-ld=lld", "-O2", "-o",
                    path("dynamic", "freebsd"), crt1, crti, source, os.path.join(root, "lib", "libc.so.7"), crtn], check=True)


def linker_work(root, runs=15):
    """Nanoseconds of a dynamic FreeBSD program's own work until it ends, and its calls.

    From logs of runs whose calls all trap, so that each costs the same. The program's own time is the time between its calls,
    less the shortest such time, which is what a trap and its record take; to this comes what its calls took without a
    path, less the shortest, which Linux has no part in. Calls with a path count nothing: how Persona looks them up is not
    the linker's work. Each of these times is the shortest of all runs.
    """
    log = os.path.join(BUILD, "log")
    records = []
    for _ in range(runs):
        subprocess.run([PERSONA, "run", "--no-patch", "--root", root, "--trace=" + log, "--trace-format=json",
                        path("dynamic", "freebsd")], check=True)
        with open(log) as lines:
            records.append(sorted((json.loads(line) for line in lines), key=lambda record: record["time"]))
    os.remove(log)
    count = min(len(record) for record in records)
    between = [min(record[at + 1]["time"] - record[at]["time"] - record[at]["duration"] for record in records)
               for at in range(count - 1)]
    within = [min(record[at]["duration"] for record in records) for at in range(count - 1)]
    pathless = [took for at, took in enumerate(within) if not any("/" in word for word in records[0][at]["arguments"])]
    return sum(between) - min(between) * len(between) + sum(pathless) - min(pathless) * len(pathless), count


def cost(command):
    """Nanoseconds of one fork + exec + exit by the clock and of processor time: of 220 less those of 20, so that the start of
    the program that makes them does not count."""
    few, many = (whole([word.format(count) for word in command]) for count in (20, 220))
    return [(after - before) / 200 * 1e9 for before, after in zip(few, many)]


def executions(table, rounds, root):
    """fork + exec + exit of a dynamic program: a guest executes FreeBSD's in the tree, a Linux program Linux's."""
    build(root)
    # Persona remembers programs that have not changed for two seconds.
    time.sleep(3)
    work, calls = linker_work(root)
    print(f"a dynamic FreeBSD program's own work: {work / 1000:.0f} us, {calls} calls")
    linux = [path("micro", "linux"), "fork-exec", "{}"]
    foreign = [PERSONA, "run", "--root", root, path("micro", "freebsd"), "fork-exec", "{}", path("dynamic", "freebsd")]
    triples = [(cost(linux), cost(linux + [path("dynamic", "linux")]), cost(foreign)) for _ in range(rounds)]
    for side, title in enumerate(("by the clock", "processor time")):
        own = [(static[side] + work, mine[side]) for static, _, mine in triples]
        table.row("dynamic exec, " + title, "ns", own, EXEC_TARGET)
        table.row("  against Linux's dynamic", "ns", [(dynamic[side], mine[side]) for _, dynamic, mine in triples])


def loops(table, rounds, linux, foreign, root, only):
    """Loops of two builds of a shell, by the clock, and by processor time in the row below."""
    script = os.path.join(TOP, "bench", "shells.sh")
    if root:
        build(root)
    command = "dynamic" if root else "trivial"
    for name, count in LOOPS:
        title = "shell: " + name
        if only and only not in title:
            continue
        here = [linux, script, name, str(count), path(command, "linux")]
        there = [PERSONA, "run"] + (["--root", root] if root else []) + [foreign, script, name, str(count), path(command, "freebsd")]
        alike = dict(os.environ, LD_PRELOAD=ALLOCATOR) if os.path.exists(ALLOCATOR) else None
        turns = [(whole(here), whole(there), whole(here, env=alike) if alike else None) for _ in range(rounds)]
        for side, (row, target) in enumerate(((title, LOOP_TARGET), ("  its processor time", None))):
            table.row(row, "ms", [(before[side] * 1000, after[side] * 1000) for before, after, _ in turns], target,
                      [floor[side] / before[side] for before, _, floor in turns] if alike else [])
