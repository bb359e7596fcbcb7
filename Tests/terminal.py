#!/usr/bin/env python3
"""Runs samples on a terminal of their own and compares the whole transcript.

For samples/SYSTEM/NAME.terminal: lines that begin with "> " are typed once everything above them has appeared;
the others are what the terminal shows, the echo of typed lines included.
"""
import glob
import os
import pty
import select
import signal
import sys
import time

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PERSONA = os.environ.get("PERSONA", os.path.join(TOP, "build/bin/persona"))
LIMIT = 30


def play(program, script):
    """Types the script's lines in their turn: what appeared, and the status."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ["COLOUR"] = "none"
        os.execv(PERSONA, [PERSONA, "run", "--", program])
    shown, expected, end = "", "", time.monotonic() + LIMIT
    for line in script + [None]:
        if line is not None and not line.startswith("> "):
            expected += line + "\n"
            continue
        wanted = expected if line is not None else None
        while time.monotonic() < end and (wanted is None or len(shown) < len(wanted)):
            if not select.select([terminal], [], [], 0.1)[0]:
                continue
            try:
                data = os.read(terminal, 4096)
            except OSError:
                break
            if not data:
                break
            shown += data.decode(errors="replace").replace("\r\n", "\n")
        if line is not None:
            os.write(terminal, line[2:].encode() + b"\n")
    if time.monotonic() >= end:
        os.kill(pid, signal.SIGKILL)
    return shown, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def interrupt(delay):
    """The status of a program that reads for ever and is interrupted so many seconds after Persona's exec."""
    reads, closes = os.pipe()
    pid, terminal = pty.fork()
    if pid == 0:
        # What runs behind a shell's & has it ignored, and hands that on.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.execv(PERSONA, [PERSONA, "run", "--", os.path.join(TOP, "build/samples/freebsd/execute"), "copy"])
    os.close(closes)
    os.read(reads, 1)
    os.close(reads)
    time.sleep(delay)
    os.write(terminal, b"\3")
    end = time.monotonic() + 5
    while time.monotonic() < end:
        if select.select([terminal], [], [], 0.01)[0]:
            try:
                os.read(terminal, 4096)
            except OSError:
                pass
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            os.close(terminal)
            return os.waitstatus_to_exitcode(status)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    os.close(terminal)
    return None


def main():
    failures = 0
    late = [delay for delay in range(60) if interrupt(delay / 10000) != -signal.SIGINT]
    failures += bool(late)
    print("FAIL" if late else "ok  ", "an interrupt at any time of a start", *late)
    for path in sorted(glob.glob(os.path.join(TOP, "samples/*/*.terminal"))):
        system, name = os.path.basename(os.path.dirname(path)), os.path.basename(path)[: -len(".terminal")]
        with open(path, encoding="utf-8") as file:
            script = file.read().splitlines()
        shown, status = play(os.path.join(TOP, "build/samples", system, name), script)
        expected = "".join(line + "\n" for line in script if not line.startswith("> "))
        if shown == expected and status == 0:
            print(f"ok   {system}/{name}")
            continue
        failures += 1
        print(f"FAIL {system}/{name}: status {status}; it showed")
        print(shown)
    sys.exit(1 if failures else 0)


main()
