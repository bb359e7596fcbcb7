#!/usr/bin/env python3
"""Makes a call log independent of the run, for comparing it with an expected one.

Processes and threads become P1, P2, … in the order of their first line; addresses 0xADDRESS; paths below the
argument (the folder of the run) WORK, those below the project TOP; port numbers PORT; seconds, inodes and
free space N. The lines of each thread stand together, threads in the order of their first lines.
"""
import os
import re
import sys

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def main():
    work = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else ""
    names, threads = {}, {}
    lines = sys.stdin.read().splitlines()
    for line in lines:
        found = re.match(r"\[(?:(\d+)/)?(\d+)\]", line)
        for number in found.groups() if found else ():
            if number:
                names.setdefault(number, f"P{len(names) + 1}")
    pids = re.compile(r"(?<![\w.])(" + "|".join(names) + r")(?![\w.])") if names else None
    for line in lines:
        if work:
            line = line.replace(work, "WORK")
        line = line.replace(TOP, "TOP")
        line = re.sub(r"0x[0-9a-f]{6,}", "0xADDRESS", line)
        line = re.sub(r"(127\.0\.0\.1|\[::1\]|0\.0\.0\.0|\[::\]):[1-9]\d*", r"\1:PORT", line)
        line = re.sub(r"\b(tv_u?n?sec|st_ino|st_dev|f_\w+|d_fileno|ru_\w+)=-?\d+", r"\1=N", line)
        if pids:
            line = pids.sub(lambda match: names[match[1]], line)
        key = line.split("]", 1)[0]
        threads.setdefault(key, []).append(line)
    for group in threads.values():
        print("\n".join(group))


if __name__ == "__main__":
    main()
