#!/usr/bin/env python3
"""Starts many `persona run` at once and measures the private memory of each: the process that was started, its
supervisor and the guest together stay below 4 MB.

    Tests/crowd.py [--count 500] [PROGRAM ARGS…]     a program that reads its standard input to the end
"""
import argparse, os, re, subprocess, sys, time

here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
persona = os.environ.get("PERSONA", os.path.join(here, "build/bin/persona"))
LIMIT = 4 << 10  # KiB


def children():
    found = {}
    for name in os.listdir("/proc"):
        try:
            if name.isdigit():
                text = open(f"/proc/{name}/stat").read()
                found.setdefault(int(text[text.rindex(")") + 2:].split()[1]), []).append(int(name))
        except OSError:
            pass
    return found


def memory(process):
    """Private dirty and proportional KiB."""
    text = open(f"/proc/{process}/smaps_rollup").read()
    return [int(re.search(rf"^{name}:\s+(\d+)", text, re.M).group(1)) for name in ("Private_Dirty", "Pss")]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("program", nargs="*")
    chosen = parser.parse_args()
    program = chosen.program or [os.path.join(here, "build/samples/freebsd/execute"), "copy"]
    runs = [subprocess.Popen([persona, "run", "--", *program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            for _ in range(chosen.count)]
    for run in runs:
        run.stdin.write(b"ready\n")
        run.stdin.flush()
    time.sleep(1 + chosen.count / 100)
    found, worst, sums = children(), 0, {}
    for run in runs:
        line, private = [run.pid], 0
        for role in ("started", "supervisor", "guest"):
            if not line:
                sys.exit(f"a run has no {role}")
            dirty, share = memory(line[0])
            private += dirty
            total = sums.setdefault(role, [0, 0])
            total[0] += dirty
            total[1] += share
            line = found.get(line[0], [])
        worst = max(worst, private)
    for run in runs:
        run.stdin.close()
    right = sum(b"ready" in run.stdout.read() and run.wait(60) == 0 for run in runs)
    for role, (dirty, share) in sums.items():
        print(f"{role}: {dirty // chosen.count} KiB private and dirty, {share // chosen.count} KiB proportional")
    print(f"{right} of {chosen.count} ended as they should; the most private memory of one: {worst} KiB")
    sys.exit(right < chosen.count or worst >= LIMIT)


main()
