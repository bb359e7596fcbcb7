#!/usr/bin/env python3
"""Compares personalities/dragonfly, with what it includes, to the facts that Go's own sources state of DragonFly:
call numbers, constants, errno, signals, and the sizes of structures and offsets of their fields.

Go's files are found under GOROOT, by default build/tools/site/go. Nothing is skipped: a name that the tables do not
have is either in UNUSED below, because no call of ours takes it, or a failure.
"""
import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
GOROOT = os.environ.get("GOROOT", os.path.join(ROOT, "build/tools/site/go"))
UNIX = os.path.join(GOROOT, "src/cmd/vendor/golang.org/x/sys/unix")
# Go's name of a call where the table, or FreeBSD's that it includes, has another.
RENAMED = {"obreak": "break", "getgroups": "freebsd14_getgroups", "setgroups": "freebsd14_setgroups"}
CONSTANTS = r"(EVFILT|EV|NOTE|O|MSG|MAP|MADV|SO|SOCK|AF|F|CLOCK|IP|IPV6|TCP|TIOC|RLIMIT|MCL|LOCK|W)"
# Of these families the tables name only what a call of theirs takes; those below are other names for the same, masks,
# defaults, or options that the option tables do not have.
UNUSED = re.compile(
    r"EVFILT_(MARKER|SYSCOUNT)|EV_SYSFLAGS|NOTE_(PCTRLMASK|PDATAMASK|FFCTRLMASK|FFLAGSMASK)|O_(ACCMODE|NDELAY|FSYNC|FMASK)"
    r"|MSG_(FMASK)|MAP_(ANONYMOUS|COPY|FILE)|MADV_(CONTROL_|INVAL|SETMAP)|AF_|IP_|IPV6_|TCP_|TIOC|SO_(CPUHINT|SNDSPACE|RERROR)"
    r"|F_(OK|UNLKSYS)|RLIMIT_AS|WSTOPPED|WCOREFLAG|SOCK_MAXADDRLEN|SO_TIMESTAMP_")


def read(path):
    with open(path) as file:
        return file.read()


def without_comments(text):
    return re.sub(r"#.*", "", text)


def tables():
    """The folder's own text, and what it includes: FreeBSD's text, its calls by their numbers here, and the names left out."""
    folder = os.path.join(ROOT, "personalities/dragonfly")
    own = "\n".join(without_comments(read(os.path.join(folder, name))) for name in sorted(os.listdir(folder))
                    if name.endswith(".table"))
    include = re.search(r'include "\.\./freebsd" calls (.*?) without ((?:[^\n]+,\n)*[^\n]+)', own, re.S)
    freebsd = os.path.join(ROOT, "personalities/freebsd")
    theirs = "\n".join(without_comments(read(os.path.join(freebsd, name))) for name in sorted(os.listdir(freebsd))
                       if name.endswith(".table") and name != "abi.table")
    rows, there = {}, calls(theirs)
    # FIRST[...LAST] [as [NUMBER] [NAME]]: the calls' numbers there, and what they have here.
    for part in include.group(1).split(","):
        first, last, number, name = re.fullmatch(
            r"(\d+)(?:\.\.\.(\d+))?(?: as(?: (\d+))?(?: ([a-z_]\w*))?)?", part.strip()).groups()
        for old in range(int(first), int(last or first) + 1):
            if old in there:
                rows[old - int(first) + int(number or first)] = name or there[old]
    return own, theirs, rows, set(re.split(r"[\s,]+", include.group(2).strip()))


def calls(text):
    found = {}
    for match in re.finditer(r"^ *(\d+)(?:\.\.\.(\d+))? ([a-z_]\w*)(?=\(| =)", text, re.M):
        for number in range(int(match.group(1)), int(match.group(2) or match.group(1)) + 1):
            found[number] = match.group(3)
    return found


def blocks(text):
    """Every `kind NAME { … }`, by name."""
    found = {}
    for match in re.finditer(r"^(flags|enum|struct|errno|signal|sockopt|ioctl) ?(\w*)[^{\n]*\{", text, re.M):
        depth, end = 1, match.end()
        while depth:
            depth += {"{": 1, "}": -1}.get(text[end], 0)
            end += 1
        if " on i386 " in match.group(0):
            continue
        # What only the other machine has goes; what only this one has is as any other.
        body = re.sub(r"\w+ [\w:]+(?:\[\d+\])? +on i386\b", "", text[match.end():end - 1])
        found[match.group(2) or match.group(1)] = (re.sub(r" +on amd64\b", "", body), text[end:end + 24])
    return found


def constants(found):
    values = {}
    for body, _ in found.values():
        for value, name in re.findall(r"(-?(?:0x[0-9a-fA-F]+|\d+)) ([A-Z]\w+)", body):
            values.setdefault(name, set()).add(int(value, 0))
    return values


SIZES = {"u8": 1, "i8": 1, "char": 1, "bytes": 1, "u16": 2, "i16": 2, "u32": 4, "i32": 4, "uid": 4, "gid": 4,
         "pid": 4, "u64": 8, "i64": 8, "pointer": 8, "size": 8, "address": 8, "mode": 4,
         "long": 8, "ulong": 8, "ssize": 8, "time": 8, "int": 4, "uint": 4, "signals": 1, "bits": 1}


def layout(name, found):
    """Fields of a table's structure as {name: offset}, its size and its alignment."""
    body, _ = found[name]
    offset, widest, fields = 0, 1, {}
    for field, kind, count in re.findall(r"(\w+) ([\w:]+)(?:\[(\d+)\])?(?: = \w+)?", body):
        if field == "pad":
            offset += int(kind)
            continue
        base = kind.split(":")[-1]
        if base in SIZES:
            size = align = SIZES[base]
        else:
            _, size, align = layout(base, found)
        offset = (offset + align - 1) // align * align
        fields[field] = offset
        offset += size * int(count or 1)
        widest = max(widest, align)
    return fields, (offset + widest - 1) // widest * widest, widest


def go_structures(path):
    found = {}
    for name, body in re.findall(r"^type (\w+) struct \{\n(.*?)^\}", read(path), re.M | re.S):
        found[name] = body
    return found


GO_SIZES = {"int8": 1, "uint8": 1, "byte": 1, "int16": 2, "uint16": 2, "int32": 4, "uint32": 4, "int64": 8,
            "uint64": 8, "uintptr": 8, "unsafe.Pointer": 8}


def go_layout(body, all_of):
    offset, widest, offsets = 0, 1, []
    for line in body.splitlines():
        parts = re.sub(r"//.*|/\*.*?\*/", "", line).split()
        if len(parts) < 2:
            continue
        kind = parts[1]
        count, base = re.fullmatch(r"(?:\[(\d+)\])?(.+)", kind).groups()
        if base.startswith("*"):
            size = align = 8
        elif base in GO_SIZES:
            size = align = GO_SIZES[base]
        else:
            _, size, align = go_layout(all_of[base], all_of)
        offset = (offset + align - 1) // align * align
        offsets.append((parts[0], offset))
        offset += size * int(count or 1)
        widest = max(widest, align)
    return offsets, (offset + widest - 1) // widest * widest, widest


# Our structure, Go's, and how Go's fields are called here.
STRUCTURES = [
    ("stat", "Stat_t", dict(Ino="st_ino", Nlink="st_nlink", Dev="st_dev", Mode="st_mode", Uid="st_uid", Gid="st_gid",
                            Rdev="st_rdev", Atim="st_atim", Mtim="st_mtim", Ctim="st_ctim", Size="st_size",
                            Blocks="st_blocks", Flags="st_flags", Gen="st_gen", Blksize="st_blksize")),
    ("statfs", "Statfs_t", dict(Bsize="f_bsize", Iosize="f_iosize", Blocks="f_blocks", Bfree="f_bfree", Fsid="f_fsid",
                                Owner="f_owner", Type="f_type", Flags="f_flags", Syncwrites="f_syncwrites",
                                Fstypename="f_fstypename", Mntonname="f_mntonname", Mntfromname="f_mntfromname")),
    ("flock", "Flock_t", dict(Start="l_start", Len="l_len", Pid="l_pid", Type="l_type", Whence="l_whence")),
    ("dirent", "Dirent", dict(Fileno="d_fileno", Namlen="d_namlen", Type="d_type", Name="d_name")),
    ("kevent", "Kevent_t", dict(Ident="ident", Filter="filter", Flags="flags", Fflags="fflags", Data="data",
                                Udata="udata")),
    ("msghdr", "Msghdr", dict(Name="msg_name", Namelen="msg_namelen", Iov="msg_iov", Iovlen="msg_iovlen",
                              Control="msg_control", Controllen="msg_controllen", Flags="msg_flags")),
    ("cmsghdr", "Cmsghdr", dict(Len="cmsg_len", Level="cmsg_level", Type="cmsg_type")),
    ("rusage", "Rusage", dict(Utime="ru_utime", Maxrss="ru_maxrss", Nivcsw="ru_nivcsw")),
    ("termios", "Termios", dict()),
    ("winsize", "Winsize", dict()),
    ("siginfo", "siginfo", dict(si_signo="si_signo", si_code="si_code", si_pid="si_pid", si_uid="si_uid",
                                si_status="si_status", si_addr="si_addr", si_value="si_value", si_band="si_band")),
    ("mcontext", "mcontext", dict(mc_onstack="mc_onstack", mc_rdi="mc_rdi", mc_r15="mc_r15", mc_trapno="mc_trapno",
                                  mc_addr="mc_addr", mc_err="mc_err", mc_rip="mc_rip", mc_rflags="mc_rflags",
                                  mc_rsp="mc_rsp", mc_len="mc_len", mc_fpregs="mc_fpregs")),
    ("ucontext", "ucontext", dict(uc_sigmask="uc_sigmask", uc_mcontext="uc_mcontext", uc_link="uc_link",
                                  uc_stack="uc_stack")),
    ("stack_t", "stackt", dict(ss_sp="ss_sp", ss_size="ss_size", ss_flags="ss_flags")),
    ("lwp_params", "lwpparams", dict(start_func="lwp_func", arg="lwp_arg", stack="lwp_stack", tid1="lwp_tid1",
                                     tid2="lwp_tid2")),
    ("rtprio", "rtprio", dict(prio="prio")),
    ("if_data", "IfData", dict(Addrlen="ifi_addrlen", Mtu="ifi_mtu", Link_state="ifi_link_state", Ipackets="ifi_ipackets",
                               Ibytes="ifi_ibytes", Oqdrops="ifi_oqdrops", Lastchange="ifi_lastchange")),
    ("if_msghdr", "IfMsghdr", dict(Index="ifm_index", Flags="ifm_flags", Addrs="ifm_addrs", Data="ifm_data")),
    ("ifa_msghdr", "IfaMsghdr", dict(Index="ifam_index", Flags="ifam_flags", Addrs="ifam_addrs", Metric="ifam_metric")),
    ("ifma_msghdr", "IfmaMsghdr", dict(Index="ifmam_index", Flags="ifmam_flags", Addrs="ifmam_addrs")),
]


def main():
    own, theirs, rows, left_out = tables()
    problems, checked = [], 0

    rows.update(calls(own))
    for name, number in re.findall(r"^\s(?:// )?SYS_(\w+)\s*= (\d+)", read(f"{UNIX}/zsysnum_dragonfly_amd64.go"), re.M):
        checked += 1
        wanted = RENAMED.get(name.lower(), name.lower())
        have = rows.get(int(number), "no row")
        if have not in (wanted, "__" + wanted):
            problems.append(f"call {number} is {wanted}, the table has {have}")

    found = blocks(theirs)
    combined = dict(found)
    combined.update(blocks(own))
    # Entries of errno and signal extend FreeBSD's, by name or number.
    values = constants(combined)
    for kind in ("errno", "signal"):
        mine = dict((name, int(value)) for value, name in re.findall(r"(\d+) ([A-Z]\w+)", blocks(own)[kind][0]))
        for value, name in re.findall(r"(\d+) ([A-Z]\w+)", found[kind][0]):
            if name not in mine and int(value) not in mine.values() and name not in left_out:
                mine[name] = int(value)
        for name, value in mine.items():
            values[name] = {value}
    errors = read(f"{UNIX}/zerrors_dragonfly_amd64.go")
    for name, value in re.findall(r"^\s(\w+)\s*= (?:syscall\.\w+\()?(-?(?:0x[0-9a-f]+|\d+))\)?$", errors, re.M):
        is_number = re.fullmatch(r"(E|SIG)[A-Z0-9]+", name)
        if not is_number and not re.fullmatch(CONSTANTS + r"_?[A-Z0-9_]+", name) or UNUSED.match(name):
            continue
        if name in values:
            checked += 1
            if int(value, 0) not in values[name]:
                problems.append(f"{name} is {value}, the table has {values[name]}")
        elif is_number and name not in ("EWOULDBLOCK", "ENOTSUP", "ELAST", "SIGIOT", "ECHO", "ECHOCTL", "ECHOE", "ECHOK",
                                        "ECHOKE", "ECHONL", "ECHOPRT", "EXTA", "EXTB", "EXTPROC", "ECHOPRT"):
            problems.append(f"{name} = {value} is not in the table")

    shapes = go_structures(f"{UNIX}/ztypes_dragonfly_amd64.go")
    shapes.update(go_structures(f"{GOROOT}/src/runtime/defs_dragonfly_amd64.go"))
    for name, theirs_name, fields in STRUCTURES:
        checked += 1
        offsets, size, _ = layout(name, combined)
        go_offsets, go_size, _ = go_layout(shapes[theirs_name], shapes)
        if size != go_size:
            problems.append(f"struct {name} is {go_size} bytes, the table has {size}")
        for field, offset in go_offsets:
            if field in fields and offsets.get(fields[field]) != offset:
                problems.append(f"{name}.{fields[field]} is at {offset}, the table has {offsets.get(fields[field])}")

    for problem in problems:
        print(problem)
    print(f"{checked} facts, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
