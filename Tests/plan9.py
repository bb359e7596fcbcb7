#!/usr/bin/env python3
"""Packs samples/plan9/hello.s as a Plan 9 a.out for amd64 and runs it, and Go's hello for Plan 9, the latter also as a
script's interpreter that the tree's commands hold: output and status must be exact."""
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


def go_hello(folder, machine="amd64"):
    """samples/go/hello, built for Plan 9."""
    go = os.environ.get("GOROOT") or os.path.join(root, "build/tools/site/go")
    program = os.path.join(folder, "gohello." + machine)
    values = dict(os.environ, GOROOT=go, GOOS="plan9", GOARCH=machine, CGO_ENABLED="0", GOTOOLCHAIN="local",
                  GOCACHE=os.path.join(root, "build/go-cache"), GOPATH=os.path.join(root, "build/go-path"),
                  GOPROXY="off", GOTELEMETRY="off", GOFLAGS=os.environ.get("GOFLAGS", "-p=2"), GO111MODULE="off")
    subprocess.run([os.path.join(go, "bin/go"), "build", "-o", program, "main.go"],
                   cwd=os.path.join(root, "samples/go/hello"), env=values, check=True)
    return program


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
        hello = go_hello(folder)
        done = subprocess.run([persona, "run", hello, "one", "fail"], capture_output=True, timeout=60)
        check("Go's hello", (done.stdout, done.stderr), (b"Hello from Go\n0 one\n1 fail\n", b"failing as told\n"))
        check("its failure", done.returncode, 1)
        # /bin holds the tree's /amd64/bin (/lib/namespace), for the first program and for a script's interpreter too.
        tree = os.path.join(folder, "tree")
        os.makedirs(os.path.join(tree, "amd64/bin"))
        shutil.copy(hello, os.path.join(tree, "amd64/bin/gohello"))
        script = os.path.join(folder, "script")
        with open(script, "w", encoding="utf-8") as file:
            file.write("#!/bin/gohello\n")
        os.chmod(script, 0o755)
        done = subprocess.run([persona, "run", "--root", tree, "/bin/gohello", "one"], capture_output=True, timeout=60)
        check("by its bound name", (done.stdout, done.stderr), (b"Hello from Go\n0 one\n", b""))
        done = subprocess.run([persona, "run", "--root", tree, script, "one"], capture_output=True, timeout=60)
        check("as an interpreter", (done.stdout, done.stderr),
              (f"Hello from Go\n0 {script}\n1 one\n".encode(), b""))
        done = subprocess.run([persona, "run", script], capture_output=True, timeout=60)
        check("a script without a tree", (done.returncode, b"its interpreter /bin/gohello does not exist" in done.stderr),
              (126, True))
        old = os.path.join(folder, "old")
        with open(old, "wb") as file:
            file.write(struct.pack(">8I", 0x1EB, len(code), 0, 0, 0, 0x1020, 0, 0) + code)
        os.chmod(old, 0o755)
        done = subprocess.run([persona, "run", old], capture_output=True, timeout=60)
        refusal = (b" is a 32-bit program (abi 386 of Plan 9), and the engine serves 64-bit programs only; "
                   b"get the 64-bit build of the program\n")
        check("386 refusal", (done.returncode, done.stderr), (126, b"persona: " + old.encode() + b":" + refusal))
        hello = go_hello(folder, "386")
        done = subprocess.run([persona, "run", hello], capture_output=True, timeout=60)
        check("386, Go", (done.returncode, done.stderr), (126, b"persona: " + hello.encode() + b":" + refusal))
        done = subprocess.run([persona, "identify", hello], capture_output=True, timeout=60)
        check("386, identified", done.stdout, hello.encode() + b": Plan 9, a.out program for 386\n")
    for failure in failures:
        print("plan9:", failure)
    print("plan9: hello", "failed" if failures else "passed")
    return 1 if failures else 0


sys.exit(main())
