#!/usr/bin/env python3
"""Packs samples/plan9/hello.s as a Plan 9 a.out for amd64 and runs it: output and status must be exact."""
import os
import shutil
import struct
import subprocess
import sys
import tempfile

root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
tools = os.path.dirname(os.path.realpath(shutil.which("swiftc")))
persona = os.path.join(root, "build/bin/persona")


def pack(folder, bss=4096):
    """Assembles the text for the address behind the header, and writes the header before it (a.out.h)."""
    source = os.path.join(root, "samples/plan9/hello.s")
    item, text = os.path.join(folder, "hello.o"), os.path.join(folder, "hello.text")
    subprocess.run([os.path.join(tools, "clang"), "--target=x86_64-unknown-none-elf", "-c", source, "-o", item],
                   check=True)
    subprocess.run([os.path.join(tools, "ld.lld"), "--oformat=binary", "-Ttext=0x200028", "-o", text, item],
                   check=True)
    with open(text, "rb") as file:
        code = file.read()
    header = struct.pack(">8IQ", 0x8A97, len(code), 0, bss, 0, 0x200028, 0, 0, 0x200028)
    program = os.path.join(folder, "hello")
    with open(program, "wb") as file:
        file.write(header + code)
    os.chmod(program, 0o755)
    return program, code


def main():
    failures = []

    def check(name, got, expected):
        if got != expected:
            failures.append(f"{name}: got {got!r}, expected {expected!r}")

    with tempfile.TemporaryDirectory() as folder:
        program, code = pack(folder)
        done = subprocess.run([persona, "run", program], capture_output=True, timeout=60)
        check("output", done.stdout, b"hello, Plan 9\n'/no' file does not")
        check("status", done.returncode, 1)
        check("errors", done.stderr, b"")
        old = os.path.join(folder, "old")
        with open(old, "wb") as file:
            file.write(struct.pack(">8I", 0x1EB, len(code), 0, 0, 0, 0x1020, 0, 0) + code)
        os.chmod(old, 0o755)
        done = subprocess.run([persona, "run", old], capture_output=True, timeout=60)
        check("386 status", done.returncode, 126)
        check("386 refusal", b"this version runs such programs for amd64 only" in done.stderr, True)
    for failure in failures:
        print("plan9:", failure)
    print("plan9: hello", "failed" if failures else "passed")
    return 1 if failures else 0


sys.exit(main())
