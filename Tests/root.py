#!/usr/bin/env python3
"""Runs the programs of a FreeBSD base tree under Persona and compares what they print.

    make test-root ROOT=/srv/freebsd        all of Tests/root-programs.txt
    Tests/root.py /srv/freebsd tar sort     those whose title holds one of these words

Each entry is a title, a command for the tree's sh, and what it prints, both streams together:

    # title
    % name               Tests/root/name.c, built against the tree's headers and libraries, is {name} in the command
    $ command            further lines of it begin with "> "
    ? 1                  its status, if it is not 0
    @ freebsd:10.1       the release that the kernel claims, for programs that read its structures
    = name               Tests/root/name.py looks at the output instead: its check(lines, before, after) answers complaints, where
                         before and after are what its facts() told of this host before and after the run
    exact line
    ~ regular expression for a whole line

The command runs in an empty folder, with nothing in its environment but HOME, TERM and a PATH that leads to the tree's
programs alone. {port} is a free TCP port; in what is expected {blocks} and {inodes} are those of the folder's file
system.
"""
import argparse, importlib.util, os, re, shutil, socket, subprocess, sys, tempfile, time

here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
persona = os.environ.get("PERSONA", os.path.join(here, "build/bin/persona"))


class Entry:
    def __init__(self, title):
        self.title, self.command, self.status, self.claim, self.lines = title, [], 0, None, []
        self.programs, self.checker = [], None


def entries(path):
    found = []
    for line in open(path):
        line = line.rstrip("\n")
        if line.startswith("# "):
            found.append(Entry(line[2:]))
        elif line.startswith("$ ") or (line.startswith("> ") and not found[-1].lines):
            found[-1].command.append(line[2:])
        elif line.startswith("% "):
            found[-1].programs.append(line[2:])
        elif line.startswith("= "):
            found[-1].checker = line[2:]
        elif line.startswith("? "):
            found[-1].status = int(line[2:])
        elif line.startswith("@ "):
            found[-1].claim = line[2:]
        elif found and found[-1].command:
            found[-1].lines.append(line)
    for entry in found:
        while entry.lines and not entry.lines[-1]:
            entry.lines.pop()
    return found


def agrees(wanted, got):
    return re.fullmatch(wanted[2:], got) is not None if wanted.startswith("~ ") else wanted == got


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def link_programs(tree, folder):
    os.mkdir(folder)
    for place in ["usr/sbin", "usr/bin", "sbin", "bin"]:
        directory = os.path.join(tree, place)
        for name in os.listdir(directory) if os.path.isdir(directory) else []:
            link = os.path.join(folder, name)
            if os.path.lexists(link):
                os.unlink(link)
            os.symlink(os.path.join(directory, name), link)


def toolchain_clang():
    """The clang beside swiftc, or what $CLANG names."""
    swift = shutil.which("swiftc")
    beside = os.path.join(os.path.dirname(os.path.realpath(swift)), "clang") if swift else "clang"
    return os.environ.get("CLANG") or beside


def build(name, tree, folder):
    """Tests/root/name.c as a dynamic program for the tree's release, with nothing but what the tree brings."""
    place, source = os.path.join(folder, name), os.path.join(here, "Tests/root", name + ".c")
    if not os.path.exists(place):
        parts = {part: os.path.join(tree, "usr/lib", part) for part in ("crt1.o", "crti.o", "crtn.o", "librt.so.1")}
        threads, system = (os.path.join(tree, "lib", library) for library in ("libthr.so.3", "libc.so.7"))
        subprocess.run([toolchain_clang(), "--target=x86_64-unknown-freebsd", "--sysroot=" + tree, "-nostdlib", "-fuse-ld=lld",
                        "-O1", "-Wall", "-o", place, parts["crt1.o"], parts["crti.o"], source, parts["librt.so.1"], threads, system,
                        parts["crtn.o"]], check=True)
    return place


def load(name):
    spec = importlib.util.spec_from_file_location(name, os.path.join(here, "Tests/root", name + ".py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run(entry, tree, programs, options):
    folder = tempfile.mkdtemp(prefix="root-")
    disk = os.statvfs(folder)
    environment = {"HOME": folder, "TERM": "vt100", "PATH": programs}
    if entry.claim and not options:
        options = ["--as", entry.claim]
    command = "\n".join(entry.command).replace("{port}", str(free_port()))
    checker = load(entry.checker) if entry.checker else None
    before = checker.facts() if checker else None
    shell = ["/bin/sh", "-c"]
    for name in entry.programs:
        # Alone, a program needs no shell of the tree's.
        shell = [] if command == "{" + name + "}" else shell
        command = command.replace("{" + name + "}", build(name, tree, os.path.dirname(programs)))
    try:
        done = subprocess.run(
            [persona, "run", *options, "--root", tree, "--", *shell, command], cwd=folder, env=environment,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120)
        output, status = done.stdout, done.returncode
    except subprocess.TimeoutExpired as expired:
        output, status = (expired.stdout or b"") + b"(no end)", None
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    lines = output.decode("utf-8", "replace").splitlines()
    if checker:
        complaints = checker.check(lines, before, checker.facts())
        return not complaints and status == entry.status, lines + complaints, status
    wanted = [line.replace("{blocks}", str(disk.f_blocks * disk.f_frsize // 1024)).replace("{inodes}", str(disk.f_files))
              for line in entry.lines]
    same = len(lines) == len(wanted) and all(map(agrees, wanted, lines))
    return same and status == entry.status, lines, status


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeat", type=int, default=1, help="run each entry so often")
    parser.add_argument("--as", dest="claim", help="the release to claim, such as freebsd:10.1")
    parser.add_argument("tree")
    parser.add_argument("word", nargs="*")
    chosen = parser.parse_args()
    tree = os.path.realpath(chosen.tree)
    options = ["--as", chosen.claim] if chosen.claim else []
    work = tempfile.mkdtemp(prefix="root-programs-")
    programs = os.path.join(work, "bin")
    link_programs(tree, programs)
    passed = failed = 0
    for entry in entries(os.path.join(here, "Tests/root-programs.txt")):
        if chosen.word and not any(word in entry.title for word in chosen.word):
            continue
        began = time.time()
        for _ in range(chosen.repeat):
            good, lines, status = run(entry, tree, programs, options)
            if not good:
                break
        if good:
            passed += 1
            print(f"ok   {entry.title} ({time.time() - began:.1f} s)", flush=True)
            continue
        failed += 1
        print(f"FAIL {entry.title}: status {status}, expected {entry.status}; expected (-), got (+):")
        for line in entry.lines:
            print("-" + line)
        for line in lines[:60]:
            print("+" + line, flush=True)
    shutil.rmtree(work)
    print(f"{passed} passed, {failed} failed")
    sys.exit(failed > 0)


main()
