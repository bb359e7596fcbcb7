#!/usr/bin/env python3
"""Measures Persona against native Linux and installed peers: each pair in turn, in one run.

Prints medians, the median of the pairs' ratios with its spread (quartiles), docs/performance.md's target, and the floor:
the ratio of a native program that does nothing but what Linux makes every guest do (bench/floor.h).
Never fails for a missed target: machines differ and are noisy; it says which were missed.

  bench/run.py                 everything but the large programs
  bench/run.py --only fstat    what has this word in its name
  bench/run.py --large         the Go programs too: gofmt, sha256, gzip, an HTTP server, a walk of 100,000 files
  bench/run.py --pin           on one processor
  bench/run.py --root TREE     executing a dynamic program of FreeBSD's base tree TREE, too
  bench/run.py --shells LINUX FOREIGN   loops of two builds of one shell, too; with --root the foreign one runs in it
  bench/run.py --peers         strace, proot, qemu-user and Wine where they are installed
"""
import argparse
import os
import shutil
import statistics
import subprocess
import sys
import time

from timing import whole

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.path.join(TOP, "build", "bench")
PERSONA = os.path.join(TOP, "build", "bin", "persona")
TARGETS = {"linux": "x86_64-unknown-linux-gnu", "freebsd": "x86_64-unknown-freebsd14"}

# What to time, how often in one go, with which number (descriptors, threads), and the most it may cost.
MICRO = [
    ("getpid", 1000000, None, 0.5), ("geteuid", 1000000, None, 1.7), ("getppid", 1000000, None, 1.7),
    ("read-1", 500000, None, 1.5),
    ("write-1", 300000, None, 1.5), ("read-4k", 300000, None, 1.4), ("write-4k", 200000, None, 1.4),
    ("read-1m", 3000, None, 1.05), ("fstat", 500000, None, 1.4), ("lseek", 1000000, None, 1.4),
    ("open-close", 100000, None, 1.4), ("clock", 1000000, None, 1.3), ("mmap-munmap", 50000, None, 1.3),
    ("error", 500000, None, 1.7), ("sigprocmask", 300000, None, None), ("signal", 50000, None, 2.0),
    ("pipe-thread", 20000, None, 1.3), ("pipe-process", 20000, None, 1.3), ("events", 200000, 1, None),
    ("events", 50000, 100, None), ("events", 50000, 10000, None), ("contention", 200000, 2, 1.3),
    ("contention", 200000, 4, 1.3), ("contention", 200000, 16, 1.3), ("fork", 500, None, 1.3),
    ("fork-exec", 200, None, 1.6), ("vfork-exec", 200, None, None), ("thread", 2000, None, 1.3),
]

# What a native program that does as little as a guest must (bench/floor.h) is measured for, too.
FLOORS = {"geteuid", "read-1", "fstat", "lseek", "open-close", "mmap-munmap", "error", "fork", "fork-exec", "thread"}


def toolchain_clang():
    """The clang beside swiftc, or what $CLANG names."""
    if os.environ.get("CLANG"):
        return os.environ["CLANG"]
    swift = shutil.which("swiftc")
    beside = os.path.join(os.path.dirname(os.path.realpath(swift)), "clang") if swift else ""
    return beside if os.path.exists(beside) else "clang"


def build():
    os.makedirs(BUILD, exist_ok=True)
    sources = [("trivial", "trivial", [], TARGETS), ("micro", "micro", [], TARGETS),
               ("micro", "floor", ["-DFLOOR"], {"linux": TARGETS["linux"]})]
    for source, name, options, targets in sources:
        for system, target in targets.items():
            subprocess.run([toolchain_clang(), f"--target={target}", "-fuse-ld=lld", "-nostdlib", "-static", "-O2",
                            "-ffreestanding", "-fno-stack-protector", "-fno-pie", "-o", path(name, system),
                            os.path.join(TOP, "bench", source + ".c")] + options, check=True)
    subprocess.run(["gcc", "-O2", "-o", path("clock", "linux"), os.path.join(TOP, "bench", "clock.c")], check=True)
    with open(os.path.join(BUILD, "bench-file"), "wb") as file:
        file.truncate(1 << 20)
    # A program that has just changed is looked at anew each time it is executed (KnownImages): that is not what is measured.
    time.sleep(3)


def path(name, system):
    return os.path.join(BUILD, f"{name}-{system}")


def start(command):
    """Milliseconds from before the start of a program to after its end."""
    before = time.perf_counter()
    identity = os.posix_spawn(command[0], command, os.environ,
                              file_actions=[(os.POSIX_SPAWN_OPEN, 1, "/dev/null", os.O_WRONLY, 0)])
    _, status = os.waitpid(identity, 0)
    if status:
        sys.exit(f"{' '.join(command)}: wait status {status}")
    return (time.perf_counter() - before) * 1000


def call(command):
    """Nanoseconds per call, as the program itself tells."""
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, timeout=300, cwd=BUILD)
    return int(done.stdout) / 1000


class Table:
    """Rows of pairs, and which missed their targets."""

    def __init__(self):
        self.missed = []
        print(f"{'':28} {'native':>11} {'Persona':>11} {'ratio':>7}  {'quartiles':>13}  target  floor", flush=True)

    def row(self, name, unit, pairs, target=None, floors=()):
        left, right = (statistics.median(side) for side in zip(*pairs))
        ratios = sorted(there / here for here, there in pairs)
        ratio = statistics.median(ratios)
        low, high = ratios[len(ratios) // 4], ratios[len(ratios) * 3 // 4]
        print(f"{name:28} {left:8.1f} {unit} {right:8.1f} {unit} {ratio:7.2f}  {low:6.2f}-{high:5.2f}  "
              f"{target if target else '':<6}  {f'{statistics.median(floors):.2f}' if floors else ''}".rstrip(), flush=True)
        if target and ratio > target:
            self.missed.append(f"{name}: {ratio:.2f} (target {target})")


def starts(table, rounds):
    native, foreign = [path("trivial", "linux")], [PERSONA, "run", path("trivial", "freebsd")]
    pairs = [(start(native), start(foreign)) for _ in range(rounds)][rounds // 10:]
    table.row("start of a static hello", "ms", pairs)
    more = statistics.median(there - here for here, there in pairs)
    if more > 2:
        table.missed.append(f"a start: {more:.2f} ms more than native (target 2 ms)")


def micro(table, rounds, only):
    for name, count, number, target in MICRO:
        title = name + (f" {number}" if number else "")
        if only and only not in title:
            continue
        arguments = [name, str(count)] + ([str(number)] if number else [])
        native = [path("clock", "linux"), str(count)] if name == "clock" else [path("micro", "linux")] + arguments
        foreign = [PERSONA, "run", path("micro", "freebsd")] + arguments
        pairs = [(call(native), call(foreign)) for _ in range(rounds)]
        floors = []
        if name in FLOORS:
            floors = [call([path("floor", "linux")] + arguments) / call(native) for _ in range(rounds)]
        table.row(title, "ns", pairs, target, floors)


# What to record, how often, and the nanoseconds that the log may cost for each call.
LOGGED = [("geteuid", 500000, 500), ("read-1", 300000, 500), ("fstat", 300000, 500), ("open-close", 100000, 1000)]


def logged(table, rounds, only):
    """What a log into a file adds to a call, in place of a ratio with native Linux: of processor time, which is what it
    costs where the program shares one processor with the log's writer in the supervisor, and of time by the clock."""
    log = os.path.join(BUILD, "log")
    for name, count, target in LOGGED:
        title = name + ", logged"
        if only and only not in title:
            continue
        arguments = [path("micro", "freebsd"), name, str(count)]
        plain, written = [PERSONA, "run"] + arguments, [PERSONA, "run", "--trace=" + log] + arguments
        pairs = [(whole(plain, cwd=BUILD), whole(written, cwd=BUILD)) for _ in range(rounds)]
        # A twentieth of the calls goes before the measured ones.
        clock, used = (statistics.median(there[side] - here[side] for here, there in pairs) / (count * 1.05) * 1e9
                       for side in (0, 1))
        print(f"{title:28} {used:8.0f} ns more of processor time, {clock:.0f} ns by the clock  {target}", flush=True)
        if used > target:
            table.missed.append(f"{title}: {used:.0f} ns more a call (target {target} ns)")
    if os.path.exists(log):
        os.remove(log)


def peers(rounds):
    """The same native program under others' tools."""
    for title, command in (("strace -f", ["strace", "-f", "-o", "/dev/null"]), ("proot", ["proot"]),
                           ("qemu-user", ["qemu-x86_64"]), ("qemu-user", ["qemu-x86_64-static"])):
        if not shutil.which(command[0]):
            continue
        ratios = []
        for _ in range(rounds):
            native = call([path("micro", "linux"), "geteuid", "100000"])
            ratios.append(call(command + [path("micro", "linux"), "geteuid", "20000"]) / native)
        print(f"geteuid under {title}: {statistics.median(ratios):.1f} times native")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--only", help="measure only what has this in its name")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--starts", type=int, default=200)
    parser.add_argument("--peers", action="store_true")
    parser.add_argument("--large", action="store_true")
    parser.add_argument("--root", help="a FreeBSD base tree for dynamic programs")
    parser.add_argument("--shells", nargs=2, metavar=("LINUX", "FOREIGN"), help="two builds of one shell")
    parser.add_argument("--pin", action="store_true", help="all on one processor: nobody waits for an idle one to wake")
    options = parser.parse_args()
    if options.pin:
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    build()
    table = Table()
    if not options.only:
        starts(table, options.starts)
    micro(table, options.rounds, options.only)
    logged(table, options.rounds, options.only)
    if options.root or options.shells:
        import rooted
        if options.root and (not options.only or options.only in "dynamic"):
            rooted.executions(table, options.rounds, os.path.abspath(options.root))
        if options.shells:
            shells = [os.path.abspath(shell) for shell in options.shells]
            rooted.loops(table, options.rounds, *shells, options.root and os.path.abspath(options.root), options.only)
    if options.peers:
        peers(options.rounds)
    if options.large:
        import large
        large.measure(table)
    for each in table.missed:
        print("missed: " + each)


if __name__ == "__main__":
    main()
