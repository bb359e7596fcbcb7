#!/usr/bin/env python3
"""Writes personalities/OS/headers.facts: what the headers of a system say of its calls, constants and structures.

  Tests/facts.py freebsd | netbsd | openbsd      from the headers that come with Zig (build/tools)
  Tests/facts.py dragonfly                       from the files that Go's x/sys has made of DragonFly's headers; with
                                                 --include, calls from there and all else from these headers
  Tests/facts.py OS --include DIR… [--target T] [--header H…] [-o FILE]    from any other header tree

`persona check` compares the folder's tables with the facts. A constant is taken when a table of some personality has
one of its family (the name up to its first underscore); calls, errors, signals and structures are all taken.
Needs clang, which comes with Swift.
"""
import argparse
import glob
import os
import re
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ZIG = os.path.join(ROOT, "build/tools/site/ziglang/lib/libc/include")
UNIX = os.path.join(ROOT, "build/tools/site/go/src/cmd/vendor/golang.org/x/sys/unix")
WIDTH = 116

HEADERS = """sys/param.h sys/types.h sys/socket.h sys/un.h sys/ucred.h sys/uio.h sys/event.h sys/umtx.h sys/thr.h sys/mman.h
sys/stat.h sys/mount.h sys/statvfs.h sys/time.h sys/resource.h sys/rtprio.h sys/cpuset.h sys/wait.h sys/procctl.h sys/procdesc.h
sys/ioctl.h sys/filio.h sys/ttycom.h sys/tty.h sys/sockio.h net/if.h sys/sysctl.h sys/ipc.h sys/sem.h sys/shm.h sys/msg.h
sys/random.h sys/aio.h aio.h sys/mqueue.h mqueue.h sys/timerfd.h sys/eventfd.h sys/timex.h sys/specialfd.h sys/membarrier.h
sys/extattr.h sys/unistd.h sys/syscall.h sys/inotify.h sys/elf_common.h sys/exec_elf.h sys/ucontext.h machine/sysarch.h
machine/mcontext.h machine/reg.h machine/fpu.h vm/vm_param.h sys/user.h sys/module.h sys/linker.h sys/kenv.h sys/uuid.h sys/jail.h
sys/ptrace.h sys/acl.h sys/mac.h sys/capsicum.h sys/caprights.h sys/futex.h sys/lwp.h lwp.h sys/sched.h sys/pset.h sys/ksem.h
sys/lwpctl.h sys/featuretest.h sys/dirent.h sys/utsname.h sys/file.h sys/fcntl.h sys/select.h sys/siginfo.h sys/signal.h sys/proc.h
sys/quota.h sys/swap.h sys/clockctl.h sys/ktrace.h sys/auxv.h sys/errno.h uvm/uvm_extern.h uvm/uvmexp.h uvm/uvm_param.h
sys/pledge.h sys/tree.h sys/kbind.h netinet/in.h netinet/tcp.h netinet/udp.h netinet/ip.h net/route.h net/if_dl.h dirent.h
errno.h fcntl.h kenv.h poll.h sched.h signal.h termios.h time.h unistd.h ifaddrs.h sys/fspacectl.h sys/exterrvar.h
sys/kinfo.h sys/varsym.h sys/tls.h machine/tls.h machine/cpumask.h sys/sigtypes.h sys/_umtx.h sys/vmmeter.h fs/ptyfs/ptyfs.h miscfs/ptyfs/ptyfs.h sys/syslimits.h sys/limits.h sys/loadavg.h
""".split()

DEFINES = """_WANT_FREEBSD11_KEVENT _WANT_FREEBSD11_STAT _WANT_FREEBSD11_STATFS _WANT_FREEBSD11_DIRENT _WANT_UCRED
_NETBSD_SOURCE _BSD_SOURCE _OPENBSD_SOURCE __EXPOSE_STACK""".split()

INTEGERS = {"int": "i32", "unsigned": "u32", "unsigned int": "u32", "u_int": "u32", "long": "i64", "u_long": "u64",
            "unsigned long": "u64", "size_t": "u64", "ssize_t": "i64", "off_t": "i64", "int32_t": "i32",
            "uint32_t": "u32", "u_int32_t": "u32", "int64_t": "i64", "uint64_t": "u64", "u_int64_t": "u64", "char": "char",
            "void": "void", "short": "i16", "unsigned short": "u16", "u_short": "u16", "pid_t": "i32", "uid_t": "u32",
            "gid_t": "u32", "intptr_t": "i64", "uintptr_t": "u64", "clockid_t": "i32", "socklen_t": "u32", "id_t": "i64",
            "lwpid_t": "i32", "key_t": "i64", "time_t": "i64", "caddr_t": "*void", "u_char": "u8", "unsigned char": "u8",
            "quad_t": "i64", "useconds_t": "u32", "timer_t": "*void"}


def families():
    """The families of the constants that the tables of all personalities have."""
    found = set()
    for path in glob.glob(os.path.join(ROOT, "personalities/*/*.table")):
        with open(path) as file:
            text = re.sub(r"#.*", "", file.read())
        for name in re.findall(r"\b[A-Z_][A-Za-z0-9_]{2,}\b", text):
            found.add(family(name))
    return found


def family(name):
    if "_" in name.strip("_"):
        return re.match(r"_*[^_]+_", name).group(0)
    return re.match(r"_*[A-Z]{1,3}", name).group(0) if re.match(r"_*[A-Z]", name) else name


def number(text):
    """None where it is an address."""
    try:
        return int(text, 0)
    except ValueError:
        return None


class Compiler:
    """clang with the system's headers: what it knows of names."""

    def __init__(self, includes, target, headers):
        self.includes, self.target = includes, target
        resource = subprocess.run(["clang", "-print-resource-dir"], capture_output=True, text=True, check=True).stdout.strip()
        self.command = ["clang", f"--target={target}", "-nostdinc", "-isystem", resource + "/include", "-w", "-std=gnu11",
                        "-ferror-limit=0"] + [f"-D{name}" for name in DEFINES]
        for folder in includes:
            self.command += ["-isystem", folder]
        self.headers = []
        for header in headers:
            if not any(os.path.exists(os.path.join(folder, header)) for folder in includes):
                continue
            if self.run(self.prelude(self.headers + [header]), ["-fsyntax-only"]).returncode == 0:
                self.headers.append(header)
            else:
                print(f"left out: {header}", file=sys.stderr)

    @staticmethod
    def prelude(headers):
        return "".join(f"#include <{header}>\n" for header in headers)

    def run(self, text, flags):
        with tempfile.NamedTemporaryFile("w", suffix=".c") as file:
            file.write(text)
            file.flush()
            return subprocess.run(self.command + flags + [file.name], capture_output=True, text=True)

    def macros(self):
        text = self.run(self.prelude(self.headers), ["-E", "-dM"]).stdout
        return re.findall(r"^#define (\w+) +\S", text, re.M)

    def expressions(self, lines):
        """Of C lines that each add numbers to an array, those that compile, and their numbers."""
        start = self.prelude(self.headers) + "const long long persona_numbers[] = {\n"
        lines = list(lines)
        for _ in range(8):
            first = start.count("\n") + 1
            text = start + "".join(f"{line},\n" for line in lines) + "0};\n"
            result = self.run(text, ["-S", "-o", "-", "-O0"])
            if result.returncode == 0:
                break
            bad = {int(number) - first for number in re.findall(r"\.c:(\d+):\d+: error", result.stderr)}
            # A macro's expansion is reported where it is used, with the definition behind it as a note.
            lines = [line for index, line in enumerate(lines) if index not in bad]
        body = result.stdout[result.stdout.index("persona_numbers:"):]
        numbers = []
        for kind, value in re.findall(r"^\s+\.(quad|zero|size)\s+(\S+)", body, re.M):
            if kind == "size":
                break
            numbers += [0] * (int(value) // 8) if kind == "zero" else [number(value)]
        return lines, numbers

    def constants(self, wanted):
        names = [name for name in self.macros() if wanted(name)]
        lines, numbers = self.expressions(f"(long long)({name})" for name in names)
        found = {}
        for line, value in zip(lines, numbers):
            if value is not None:
                found[line[len("(long long)("):-1]] = value & (1 << 64) - 1
        # Enumerations are no macros.
        tree = self.run(self.prelude(self.headers), ["-fsyntax-only", "-Xclang", "-ast-dump", "-fno-color-diagnostics"]).stdout
        enums = [name for name in re.findall(r"EnumConstantDecl \S+ <[^\n]*?> \S+ (?:referenced )?(\w+) 'int'", tree)
                 if wanted(name) and name not in found]
        lines, numbers = self.expressions(f"(long long)({name})" for name in dict.fromkeys(enums))
        for line, value in zip(lines, numbers):
            found[line[len("(long long)("):-1]] = value & (1 << 64) - 1
        return found

    def structures(self):
        """(name, size, [(field, offset, size, signedness)]) of every structure and union with a name."""
        text = self.run(self.prelude(self.headers), ["-fsyntax-only", "-Xclang", "-fdump-record-layouts-complete"]).stdout
        layouts = {}
        for record in text.split("*** Dumping AST Record Layout")[1:]:
            lines = [line for line in record.split("\n") if "|" in line]
            head = re.match(r"\s+0 \| (?:(struct|union) )?(\w+)$", lines[0])
            if not head:
                continue
            fields = []
            for line in lines[1:]:
                field = re.match(r"\s+(\d+) \|   (\S.*?[ *])(\w+)$", line)
                if field:
                    fields.append((field.group(3), int(field.group(1)), field.group(2)))
            name = head.group(2)
            layouts.setdefault(name, (lines[0].split("|")[1].strip(), fields))
        lines = []
        for name, (spelled, fields) in layouts.items():
            lines.append(f"sizeof({spelled}) /*{name} */")
            for field, _, _ in fields:
                member = f"(({spelled} *)0)->{field}"
                lines.append(f"sizeof({member}) /*{name} {field} size*/")
                # The dump's own offset is wrong behind a structure with an alignment of its own.
                lines.append(f"__builtin_offsetof({spelled}, {field}) /*{name} {field} offset*/")
                sign = ("_Generic(%s, signed char: 1, short: 1, int: 1, long: 1, long long: 1, unsigned char: 2, "
                        "unsigned short: 2, unsigned: 2, unsigned long: 2, unsigned long long: 2, default: 0)") % member
                lines.append(f"{sign} /*{name} {field} sign*/")
        lines, numbers = self.expressions(lines)
        known = dict(zip((re.search(r"/\*(.*)\*/", line).group(1) for line in lines), numbers))
        for name, (_, fields) in sorted(layouts.items()):
            size = known.get(name + " ")
            if not size:
                continue
            told = [(field, known.get(f"{name} {field} offset", offset), known[f"{name} {field} size"],
                     known.get(f"{name} {field} sign", 0))
                    for field, offset, _ in fields if f"{name} {field} size" in known]
            yield name, size, told

    def types(self, spelled):
        """The canonical word of each C type that is a number."""
        lines = []
        for type_ in spelled:
            lines.append(f"sizeof({type_}) /*{type_} size*/")
            lines.append(f"(({type_})-1 < 0) /*{type_} sign*/")
        lines, numbers = self.expressions(lines)
        known = dict(zip((re.search(r"/\*(.*)\*/", line).group(1) for line in lines), numbers))
        found = {}
        for type_ in spelled:
            if type_ + " size" in known and type_ + " sign" in known:
                found[type_] = ("i" if known[type_ + " sign"] else "u") + str(known[type_ + " size"] * 8)
        return found


# MARK: Calls: {number: (name, result, [(argument, type)])}, types as C spells them; name only where that is all

def comments_of(text):
    """The prototypes that NetBSD's and OpenBSD's syscall.h tell in comments."""
    found = {}
    pattern = r'/\* syscall: "(\w+)" ret: "([^"]*)" args:([^\n]*)\*/\s*\n#define\s+SYS_(\w+)\s+(\d+)'
    for name, result, args, _, number in re.findall(pattern, text):
        found[int(number)] = (name, result, [("_", type_) for type_ in re.findall(r'"([^"]*)"', args)])
    for number, what, name in re.findall(r"/\* (\d+) is (\w+) (?:compat_\w+ )?(\w+)", text):
        found.setdefault(int(number), (name, None, None))
    for name, number in re.findall(r"^#define\s+SYS_(\w+)\s+(\d+)", text, re.M):
        found.setdefault(int(number), (name, None, None))
    return found


def arguments_of(text):
    """The structures of syscallargs.h: names and types of a call's arguments."""
    found = {}
    for name, body in re.findall(r"struct (\w+)_args \{(.*?)\n\};", text, re.S):
        members = re.findall(r"syscallarg\(([^)]*(?:\([^)]*\))?[^)]*)\) (\w+);", body)
        found[name] = [(argument, type_) for type_, argument in members]
    return found


def bsd_calls(folder):
    text = read(os.path.join(folder, "sys/syscall.h"))
    known = arguments_of(read(os.path.join(folder, "sys/syscallargs.h")))
    calls = comments_of(text)
    for number, (name, result, args) in calls.items():
        plain = re.sub(r"^compat_\w+?_(?=[a-z_])", "", name)
        for candidate in (f"sys_{name}", re.sub(r"^(compat_\w+?)_", r"\1_sys_", name, count=1), name):
            if candidate in known:
                calls[number] = (name, result, known[candidate])
                break
    return calls


def freebsd_calls(folder):
    calls = {}
    text = read(os.path.join(folder, "sys/syscall.h"))
    prototypes = go_calls("freebsd_amd64")
    results = {name: result for name, result, _ in prototypes.values()}
    for number, what, name in re.findall(r"/\* (\d+) is (\w+) (\w+)", text):
        prefix = {"old": "o", "obsolete": "", "reserved": ""}.get(what, what + "_")
        calls[int(number)] = (prefix + name, None, None)
    known = {}
    for name, body in re.findall(r"struct (\w+)_args \{(.*?)\n\};", read(os.path.join(folder, "sys/sysproto.h")), re.S):
        known[name] = [(argument, type_) for type_, argument in
                       re.findall(r"\]; ([^;]*?[ *])(\w+); char", body)]
    for name, number in re.findall(r"^#define\s+SYS_(\w+)\s+(\d+)", text, re.M):
        args = known.get(name, known.get("sys_" + name, known.get(name.lstrip("_"))))
        calls[int(number)] = (name, results.get(name, results.get(re.sub("^_", "", name))), args)
    return calls


def go_calls(system):
    """The prototypes that Go's zsysnum keeps of syscalls.master."""
    calls = {}
    text = read(os.path.join(UNIX, f"zsysnum_{system}.go"))
    for number, prototype, rest in re.findall(r"SYS_\w+\s+= (\d+);?\s*// \{ (.*?) ?\}([^\n]*)", text):
        match = re.match(r"(.*?[ *])(\w+)\s*\((.*)\);?", prototype)
        if not match:
            continue
        result, name, args = match.groups()
        told = rest.split()
        if told and re.match(r"^\w+$", told[0]):
            name = told[0]
        members = []
        for part in [] if args.strip() in ("void", "") else args.split(","):
            member = re.match(r"(.*[ *])(\w+)(\[\])?$", part.strip())
            if member:
                members.append((member.group(2), member.group(1) + ("*" if member.group(3) else "")))
            elif part.strip() != "...":
                members.append(("_", part.strip()))
        calls[int(number)] = (name, result.strip(), members)
    return calls


class Types:
    def __init__(self, compiler, overrides):
        self.compiler, self.known = compiler, dict(INTEGERS)
        self.known.update(overrides)

    def learn(self, spelled):
        if not self.compiler:
            return
        new = {self.plain(type_) for type_ in spelled if "*" not in type_}
        new |= {self.plain(type_.rstrip("* ")) for type_ in spelled if "*" in type_}
        new = {type_ for type_ in new if type_ and type_ not in ("void", "char", "...") and "(" not in type_
               and not type_.startswith(("struct ", "union "))}
        self.known.update(self.compiler.types(sorted(new)))

    @staticmethod
    def plain(type_):
        return re.sub(r"\b(const|volatile|__restrict|restrict|__capability)\b", "", type_).strip()

    def word(self, type_):
        if "(" in type_:
            return "*code"
        if "*" in type_:
            constant = re.match(r"\s*const\b", type_) is not None
            stars = type_.count("*")
            inner = self.plain(type_.replace("*", " ")).strip()
            inner = re.sub(r"^(struct|union)\s+", "", inner)
            inner = "pointer" if stars > 1 else self.known.get(inner, inner).replace(" ", "_")
            return ("const*" if constant else "*") + inner
        plain = self.plain(type_)
        return self.known.get(plain, plain.replace("struct ", "").replace("union ", "").replace(" ", "_"))


def read(path):
    with open(path, errors="replace") as file:
        return file.read()


# MARK: Go's x/sys

GO_STRUCTURES = {
    "Timespec": ("timespec", "tv_"), "Timeval": ("timeval", "tv_"), "Rusage": ("rusage", "ru_"), "Rlimit": ("rlimit", "rlim_"),
    "Stat_t": ("stat", "st_"), "Statfs_t": ("statfs", "f_"), "Flock_t": ("flock", "l_"), "Dirent": ("dirent", "d_"),
    "Fsid": ("fsid", ""), "RawSockaddrInet4": ("sockaddr_in", "sin_"), "RawSockaddrInet6": ("sockaddr_in6", "sin6_"),
    "RawSockaddrUnix": ("sockaddr_un", "sun_"), "Linger": ("linger", "l_"), "Iovec": ("iovec", "iov_"),
    "IPMreq": ("ip_mreq", "imr_"), "IPv6Mreq": ("ipv6_mreq", "ipv6mr_"), "Msghdr": ("msghdr", "msg_"),
    "Cmsghdr": ("cmsghdr", "cmsg_"), "Kevent_t": ("kevent", ""), "Termios": ("termios", "c_"), "Winsize": ("winsize", "ws_"),
    "PollFd": ("pollfd", ""), "Utsname": ("utsname", ""), "Clockinfo": ("clockinfo", ""),
}
GO_FIELDS = {"atim", "mtim", "ctim"}


def go_structures(system):
    text = read(os.path.join(UNIX, f"ztypes_{system}.go"))
    bodies = dict(re.findall(r"^type (\w+) struct \{\n(.*?)^\}", text, re.M | re.S))
    sizes = {"int8": 1, "uint8": 1, "byte": 1, "int16": 2, "uint16": 2, "int32": 4, "uint32": 4, "int64": 8, "uint64": 8,
             "uintptr": 8}
    layouts = {}

    def measure(type_):
        array = re.match(r"\[(\d+)\](.*)", type_)
        if array:
            size, alignment, _ = measure(array.group(2))
            return int(array.group(1)) * size, alignment, 0
        if type_.startswith("*"):
            return 8, 8, 0
        if type_ in sizes:
            return sizes[type_], sizes[type_], 1 if type_.startswith("int") else 2
        size, alignment, _ = lay(type_)
        return size, alignment, 0

    def lay(name):
        if name in layouts:
            return layouts[name]
        offset, widest, fields = 0, 1, []
        for field, type_ in re.findall(r"^\t(\w+)\s+(\S+)", bodies[name], re.M):
            size, alignment, sign = measure(type_)
            offset = (offset + alignment - 1) // alignment * alignment
            fields.append((field, offset, size, sign))
            offset += size
            widest = max(widest, alignment)
        layouts[name] = ((offset + widest - 1) // widest * widest, widest, fields)
        return layouts[name]

    for go, (name, prefix) in GO_STRUCTURES.items():
        if go in bodies:
            size, _, fields = lay(go)
            yield name, size, [(prefix + field.lower(), offset, width, sign) for field, offset, width, sign in fields
                               if field != "_"]


def go_constants(system, wanted):
    text = read(os.path.join(UNIX, f"zerrors_{system}.go"))
    found = {}
    for name, value in re.findall(r"^\s+(\w+)\s+= (?:syscall\.(?:Errno|Signal)\()?(-?(?:0x)?[0-9a-f]+)\)?$", text, re.M):
        if wanted(name):
            found[name] = int(value, 0) & (1 << 64) - 1
    return found


# MARK: Writing

def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("system")
    parser.add_argument("--include", action="append", default=[])
    parser.add_argument("--target")
    parser.add_argument("--header", action="append", default=[])
    parser.add_argument("-o", "--output")
    options = parser.parse_args()
    system = options.system
    output = options.output or os.path.join(ROOT, f"personalities/{system}/headers.facts")
    known = families()
    wanted = lambda name: not name.startswith("__") and (family(name) in known or re.match(r"(SIG|E)[A-Z0-9]+$", name))
    if system == "dragonfly" and not options.include:
        source = "Go's golang.org/x/sys/unix (zsysnum, zerrors and ztypes of dragonfly_amd64), made of DragonFly's own headers"
        compiler = None
        calls, constants = go_calls("dragonfly_amd64"), go_constants("dragonfly_amd64", wanted)
        structures = list(go_structures("dragonfly_amd64"))
        types = Types(None, {"mode_t": "u16", "dev_t": "u32", "ino_t": "u64"})
    else:
        includes = options.include or [f"{ZIG}/x86_64-{system}-none", f"{ZIG}/x86-{system}-none", f"{ZIG}/generic-{system}"]
        source = f"{system.capitalize()}'s headers" if options.include else \
            f"the headers of {system} that come with Zig (PyPI ziglang 0.17.1, lib/libc/include)"
        compiler = Compiler(includes, options.target or f"x86_64-unknown-{system}", HEADERS + options.header)
        folder = next(folder for folder in reversed(includes) if os.path.exists(folder + "/sys/syscall.h"))
        calls = freebsd_calls(folder) if os.path.exists(folder + "/sys/sysproto.h") else bsd_calls(folder)
        if system == "dragonfly":
            calls = go_calls("dragonfly_amd64")
            source = "DragonFly's headers (of 5.9), and of its calls Go's golang.org/x/sys/unix (zsysnum of dragonfly_amd64)"
        constants = compiler.constants(wanted)
        structures = list(compiler.structures())
        calls = {number: call for number, call in calls.items() if not re.match("MAXSYS|NSYSENT", call[0])}
        types = Types(compiler, {})
        types.learn({type_ for _, result, args in calls.values() for type_ in
                     ([result] if result else []) + [type_ for _, type_ in args or []]})
    lines = [f"# What {source} say. Made by Tests/facts.py; `persona check` compares the tables with it.", ""]
    for number, (name, result, args) in sorted(calls.items()):
        if args is None:
            lines.append(f"call {number} {name}")
            continue
        words = [f"{argument}:{types.word(type_)}" for argument, type_ in args if type_ != "..."]
        lines.append(" ".join([f"call {number} {name}", types.word(result) if result else "?"] + words))
    lines.append("")
    pack(lines, "constant", [f"{name}={value:#x}" if value > 9 else f"{name}={value}" for name, value in sorted(constants.items())])
    lines.append("")
    letters = {0: "b", 1: "i", 2: "u"}
    for name, size, fields in structures:
        pack(lines, f"struct {name} {size}", [f"{field}@{offset}:{letters[sign]}{width}" for field, offset, width, sign in fields])
    with open(output, "w") as file:
        file.write("\n".join(lines) + "\n")
    print(f"{output}: {len(calls)} calls, {len(constants)} constants, {len(structures)} structures")


def pack(lines, head, words):
    """Words on as few lines as they need, each line with its head."""
    line = head
    for word in words:
        if len(line) + len(word) + 1 > WIDTH:
            lines.append(line)
            line = head
        line += " " + word
    lines.append(line)


main()
