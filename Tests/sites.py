#!/usr/bin/env python3
"""Which call sites of real programs have become jumps: Tests/sites/main.go, built for each system that Go knows, and
Tests/sites/forms.c, built by Zig, with all forms of a call that C libraries and compilers have.

A program runs through its calls many times; then its text is read, and each `syscall` in it is either jumped over or
still traps. Those in ALWAYS must jump: they are where Go's packages make nearly all calls. So must all of FORMS.
With --process, it tells what has become of the sites in the text of a guest that runs already.
"""
import os
import struct
import subprocess
import sys

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PERSONA = os.environ.get("PERSONA") or os.path.join(TOP, "build", "bin", "persona")
GOROOT = os.environ.get("GOROOT") or os.path.join(TOP, "build", "tools", "site", "go")
ZIG = os.environ.get("PERSONA_ZIG") or os.path.join(TOP, "build", "tools", "site", "ziglang", "zig")
BUILD = os.path.join(TOP, "build", "sites")

# Functions with a site that must jump, by system.
ALWAYS = {
    "freebsd": ["syscall.Syscall.abi0", "syscall.Syscall6.abi0", "syscall.RawSyscall.abi0", "runtime.kevent.abi0",
                "runtime.fallback_nanotime.abi0", "runtime.usleep.abi0"],
    "netbsd": ["syscall.Syscall.abi0", "syscall.Syscall6.abi0", "syscall.RawSyscall.abi0", "runtime.kevent.abi0",
               "runtime.nanotime1.abi0", "runtime.usleep.abi0", "sigreturn_tramp"],
    "dragonfly": ["syscall.Syscall.abi0", "syscall.Syscall6.abi0", "syscall.RawSyscall.abi0", "runtime.kevent.abi0",
                  "runtime.nanotime1.abi0", "runtime.usleep.abi0"],
}

# What Tests/sites/forms.c has, for each of these systems.
FORMS = ["bsd_stub", "dragonfly_stub", "illumos_stub", "solaris_stub", "go_stub", "any_stub", "inline_call", "inline_read"]
SYSTEMS = {"freebsd": "freebsd", "netbsd": "netbsd", "openbsd": "openbsd", "dragonfly": "freebsd"}


def build_forms(system):
    os.makedirs(BUILD, exist_ok=True)
    program = os.path.join(BUILD, f"forms-{system}")
    cache = os.path.join(TOP, "build", "zig-cache")
    values = dict(os.environ, ZIG_GLOBAL_CACHE_DIR=cache, ZIG_LOCAL_CACHE_DIR=cache)
    subprocess.run([ZIG, "cc", "-target", f"x86_64-{SYSTEMS[system]}", "-c", "-ffreestanding", "-fno-stack-protector",
                    "-fno-sanitize=all", "-O2", "-Wall", "-Wextra", "-Werror", "-o", program + ".o",
                    os.path.join(TOP, "Tests", "sites", "forms.c")], env=values, check=True)
    subprocess.run([ZIG, "ld.lld", "-static", "-o", program, program + ".o"], env=values, check=True)
    return program


def build(system):
    os.makedirs(BUILD, exist_ok=True)
    program = os.path.join(BUILD, system)
    values = dict(os.environ, GOROOT=GOROOT, GOOS=system, GOARCH="amd64", CGO_ENABLED="0", GOTOOLCHAIN="local",
                  GOCACHE=os.path.join(TOP, "build", "go-cache"), GOPROXY="off", GOTELEMETRY="off",
                  GOPATH=os.path.join(TOP, "build", "go-path"))
    subprocess.run([os.path.join(GOROOT, "bin", "go"), "build", "-o", program, "main.go"], env=values, check=True,
                   cwd=os.path.join(TOP, "Tests", "sites"))
    return program


def functions(data):
    """Name, start and length of each function, from ELF's symbol table, and the text's place."""
    sections, count = struct.unpack_from("<Q", data, 40)[0], struct.unpack_from("<H", data, 60)[0]
    headers = [struct.unpack_from("<IIQQQQIIQQ", data, sections + 64 * index) for index in range(count)]
    found = []
    for header in headers:
        if header[1] != 2:  # SHT_SYMTAB
            continue
        names = headers[header[6]][4]
        for at in range(header[4], header[4] + header[5], 24):
            name, info, _, _, value, size = struct.unpack_from("<IBBHQQ", data, at)
            if info & 15 == 2 and size:  # STT_FUNC
                found.append((value, size, data[names + name:data.index(b"\0", names + name)].decode()))
    return sorted(found)


def sites(program, memory):
    """Each function's sites: how many jump, how many there are."""
    data = open(program, "rb").read()
    result = {}
    for start, size, name in functions(data):
        memory.seek(start)
        code = memory.read(size)
        at = code.find(b"\x0f\x05")
        while at >= 0:
            jumps, total = result.get(name, (0, 0))
            result[name] = (jumps + jumped(code, start, at, memory), total + 1)
            at = code.find(b"\x0f\x05", at + 2)
    return result


def jumped(code, start, at, memory):
    """Whether a jump before the site leads to a stub that returns behind it."""
    for place in range(max(0, at - 24), at - 4):
        if code[place] != 0xe9:
            continue
        target = start + place + 5 + struct.unpack_from("<i", code, place + 1)[0]
        try:
            memory.seek(target)
            stub = memory.read(64)
        except (OSError, ValueError, OverflowError):
            continue
        if b"\x48\xb9" + struct.pack("<Q", start + at + 2) in stub:
            return 1
    return 0


def judge(title, command, program, wanted):
    """Runs a program up to where it waits; false where a site that must jump does not."""
    guest = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    process = int(guest.stdout.readline())
    with open(f"/proc/{process}/mem", "rb", 0) as memory:
        found = sites(program, memory)
    guest.stdin.close()
    guest.wait(timeout=30)
    missing = [name for name in wanted if not found.get(name, (0, 0))[0]]
    print(f"{title}: {sum(jumps for jumps, _ in found.values())} of {sum(total for _, total in found.values())} sites "
          f"jump: {', '.join(name for name, (jumps, _) in sorted(found.items()) if jumps)}"
          + (f"; but not: {', '.join(missing)}" if missing else "")
          + (f"; and ended with status {guest.returncode}" if guest.returncode else ""))
    return not missing and guest.returncode == 0


def tell(process):
    """What has become of the sites in each piece of a running guest's text."""
    pieces = []
    for line in open(f"/proc/{process}/maps"):
        fields = line.split()
        start, end = (int(place, 16) for place in fields[0].split("-"))
        name = fields[5] if len(fields) > 5 else ""
        if "x" not in fields[1] or 0x7000000000 <= start < 0x8000000000 or name.startswith("["):
            continue
        if pieces and pieces[-1][1] == start:  # a page with a jump is a copy, and has no name
            pieces[-1] = (pieces[-1][0], end, pieces[-1][2] or name)
        else:
            pieces.append((start, end, name))
    with open(f"/proc/{process}/mem", "rb", 0) as memory:
        for start, end, name in pieces:
            memory.seek(start)
            code = memory.read(end - start)
            jumps, at = [], code.find(b"\x0f\x05")
            total = code.count(b"\x0f\x05")
            while at >= 0:
                if jumped(code, start, at, memory):
                    jumps.append(f"{start + at:#x}")
                at = code.find(b"\x0f\x05", at + 2)
            if total:
                print(f"{name or hex(start)}: {len(jumps)} of {total} jump: {' '.join(jumps)}")


def main():
    if sys.argv[1:2] == ["--process"]:
        return tell(int(sys.argv[2]))
    good = True
    for system in sys.argv[1:] or ALWAYS:
        program = build(system)
        good &= judge(system, [PERSONA, "run", program], program, ALWAYS.get(system, []))
    for system in sys.argv[1:] or SYSTEMS:
        program = build_forms(system)
        good &= judge(f"{system}, by Zig", [PERSONA, "run", "--as", system, program], program, FORMS)
    sys.exit(not good)


if __name__ == "__main__":
    main()
