#!/usr/bin/env python3
"""Measures Persona against native Linux, in pairs, in one run: starts, and calls that trap.

Prints medians and ratios; fails when a ratio misses its target (a start within 3 ms of the native one, an
unpatched call at most 25 times a native one, no growth with threads).
"""
import argparse
import os
import shutil
import statistics
import subprocess
import sys
import time

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.path.join(TOP, "build", "bench")


def toolchain_clang():
    """The clang beside swiftc, or what $CLANG names."""
    if os.environ.get("CLANG"):
        return os.environ["CLANG"]
    swift = shutil.which("swiftc")
    beside = os.path.join(os.path.dirname(os.path.realpath(swift)), "clang") if swift else ""
    return beside if os.path.exists(beside) else "clang"


def build():
    os.makedirs(BUILD, exist_ok=True)
    programs = {}
    for system, target in (("linux", "x86_64-unknown-linux-gnu"), ("freebsd", "x86_64-unknown-freebsd14")):
        programs[system] = os.path.join(BUILD, f"trivial-{system}")
        subprocess.run([toolchain_clang(), f"--target={target}", "-fuse-ld=lld", "-nostdlib", "-static", "-O2",
                        "-ffreestanding", "-fno-stack-protector", "-fno-pie", "-o", programs[system],
                        os.path.join(TOP, "bench", "trivial.c")], check=True)
    return programs


def start(command):
    """Milliseconds from before the start of a program to after its end."""
    before = time.perf_counter()
    identity = os.posix_spawn(command[0], command, os.environ,
                              file_actions=[(os.POSIX_SPAWN_OPEN, 1, "/dev/null", os.O_WRONLY, 0)])
    _, status = os.waitpid(identity, 0)
    if status:
        sys.exit(f"{' '.join(command)}: wait status {status}")
    return (time.perf_counter() - before) * 1000


def call(command, count, threads):
    """Nanoseconds per call."""
    done = subprocess.run(command + [str(count), str(threads)], stdout=subprocess.PIPE, check=True, timeout=120)
    return int(done.stdout) / 1000


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--persona", default=os.path.join(TOP, "build", "bin", "persona"))
    parser.add_argument("--starts", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    programs = build()
    native, foreign = [programs["linux"]], [options.persona, "run", "--", programs["freebsd"]]
    missed = []

    pairs = [(start(native), start(foreign)) for _ in range(options.starts)][options.starts // 10:]
    left, right = (statistics.median(side) for side in zip(*pairs))
    more = statistics.median(there - here for here, there in pairs)
    print(f"start of a static hello    native {left:7.2f} ms   Persona {right:7.2f} ms   {more:+.2f} ms", flush=True)
    if more > 3:
        missed.append(f"a start costs {more:.2f} ms more than the native one (target: 3 ms)")

    base = None
    for threads in (1, 2, 8):
        rounds = [(call(native, 400000 // threads, threads), call(foreign, 40000 // threads, threads))
                  for _ in range(options.rounds)]
        left, right = (statistics.median(side) for side in zip(*rounds))
        ratio = statistics.median(there / here for here, there in rounds)
        print(f"trivial call, {threads} thread{'s' if threads > 1 else ' '}    native {left:7.1f} ns   "
              f"Persona {right:7.1f} ns   {ratio:5.1f} x", flush=True)
        if threads == 1 and ratio > 25:
            missed.append(f"an unpatched call costs {ratio:.1f} native ones (target: 25)")
        if base is not None and right > base * 1.5:
            missed.append(f"a call costs {right / base:.2f} times as much with {threads} threads as with one")
        base = base or right
    for each in missed:
        print("missed: " + each)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
