"""The large programs of bench/run.py: one Go source each, built for Linux and for FreeBSD, on the same data."""
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile

from timing import whole

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.path.join(TOP, "build", "bench")
PERSONA = os.path.join(TOP, "build", "bin", "persona")
GOROOT = os.environ.get("GOROOT") or os.path.join(TOP, "build", "tools", "site", "go")
SYSTEMS = ("linux", "freebsd")
TOOLS = ("compile", "link", "asm", "go")


def environment(system, **more):
    return dict(os.environ, GOROOT=GOROOT, GOOS=system, GOARCH="amd64", CGO_ENABLED="0", GOTOOLCHAIN="local",
                GOPROXY="off", GOTELEMETRY="off", GOFLAGS="-buildvcs=false", GOPATH=os.path.join(TOP, "build", "go-path"),
                GOCACHE=os.path.join(TOP, "build", "go-cache"), **more)


def build():
    go = os.path.join(GOROOT, "bin", "go")
    for system in SYSTEMS:
        target = os.path.join(BUILD, "go-" + system)
        os.makedirs(target, exist_ok=True)
        values = environment(system)
        subprocess.run([go, "build", "-o", target + "/", "./..."], env=values, cwd=os.path.join(TOP, "bench", "go"),
                       check=True)
        subprocess.run([go, "build", "-o", target + "/", "cmd/gofmt"], env=values, check=True,
                       cwd=os.path.join(GOROOT, "src"))
        toolchain(go, system, values)
    forking(go, environment("linux"))
    subprocess.run(["gcc", "-O2", "-o", os.path.join(BUILD, "armed"), os.path.join(TOP, "bench", "armed.c")], check=True)


def toolchain(go, system, values):
    """A GOROOT whose programs are built for `system`: go, compile, link and asm; all else is the real one's."""
    root = os.path.join(BUILD, "goroot-" + system)
    tools = os.path.join(root, "pkg", "tool", system + "_amd64")
    if os.path.exists(os.path.join(tools, "link")):
        return
    shutil.rmtree(root, ignore_errors=True)
    os.makedirs(tools)
    os.makedirs(os.path.join(root, "bin"))
    for name in ("src", "lib", "VERSION", "go.env"):
        os.symlink(os.path.join(GOROOT, name), os.path.join(root, name))
    os.symlink(os.path.join(GOROOT, "pkg", "include"), os.path.join(root, "pkg", "include"))
    for name in TOOLS:
        place = os.path.join(root, "bin") if name == "go" else tools
        subprocess.run([go, "build", "-o", place + "/", "cmd/" + name], env=values, check=True,
                       cwd=os.path.join(GOROOT, "src"))


def forking(go, values):
    """go for Linux that forks, as Go does for FreeBSD; its own way, vfork, spares it a copy of its page tables."""
    target = os.path.join(BUILD, "go-forking")
    if os.path.exists(target):
        return
    path = os.path.join("src", "syscall", "exec_linux.go")
    with open(os.path.join(GOROOT, path)) as file:
        text = file.read()
    changed = text.replace("flags |= CLONE_VFORK | CLONE_VM\n", "flags |= 0\n")
    if changed == text:
        sys.exit(f"bench: {path} of {GOROOT} begins processes in another way; change forking() of bench/large.py")
    with tempfile.TemporaryDirectory() as place:
        source, overlay = os.path.join(place, "exec.go"), os.path.join(place, "overlay.json")
        with open(source, "w") as file:
            file.write(changed)
        with open(overlay, "w") as file:
            json.dump({"Replace": {os.path.join(GOROOT, path): source}}, file)
        subprocess.run([go, "build", "-overlay", overlay, "-o", target, "cmd/go"], env=values, check=True,
                       cwd=os.path.join(GOROOT, "src"))


def data():
    """A file of 1 GiB, one of 256 MiB that compresses, a tree of 100,000 files, and a program of 50 packages."""
    big = os.path.join(BUILD, "big-file")
    if not os.path.exists(big):
        with open(big, "wb") as file:
            file.truncate(1 << 30)
    text = os.path.join(BUILD, "text-file")
    if not os.path.exists(text):
        random.seed(1)
        words = [bytes(random.choices(b"abcdefghijklmnopqrstuvwxyz", k=random.randint(2, 9))) for _ in range(4000)]
        piece = b" ".join(random.choices(words, k=1 << 18))
        with open(text, "wb") as file:
            while file.tell() < 256 << 20:
                file.write(piece)
            file.truncate(256 << 20)
    tree = os.path.join(BUILD, "tree")
    if not os.path.exists(os.path.join(tree, "999")):
        for folder in range(1000):
            os.makedirs(os.path.join(tree, str(folder)), exist_ok=True)
            for name in range(100):
                with open(os.path.join(tree, str(folder), str(name)), "w") as file:
                    file.write("x" * name)
    project = os.path.join(BUILD, "project")
    if not os.path.exists(project):
        os.makedirs(project)
        with open(os.path.join(project, "go.mod"), "w") as file:
            file.write("module project\n\ngo 1.22\n")
        imports, calls = "", ""
        for index in range(50):
            os.makedirs(os.path.join(project, f"part{index}"))
            with open(os.path.join(project, f"part{index}", "part.go"), "w") as file:
                file.write(f"package part{index}\n\nimport \"fmt\"\n\n")
                for function in range(60):
                    file.write(f"func F{function}(n int) string {{\n\ts := \"\"\n\tfor i := range n {{\n"
                               f"\t\ts += fmt.Sprintf(\"%d-%d\", i*{function + 1}, n)\n\t}}\n\treturn s\n}}\n\n")
            imports += f'\t"project/part{index}"\n'
            calls += f"\tprintln(len(part{index}.F1({index})))\n"
        with open(os.path.join(project, "main.go"), "w") as file:
            file.write(f"package main\n\nimport (\n{imports})\n\nfunc main() {{\n{calls}}}\n")
    return big, text, tree, project


def library():
    """The standard library's folders, without those that hold broken programs for tests."""
    source = os.path.join(GOROOT, "src")
    return [each.path for each in sorted(os.scandir(source), key=lambda each: each.name)
            if each.is_dir() and each.name not in ("cmd", "go", "internal")]


def cost(command, **options):
    """Milliseconds by the clock, and of processor time, of a command with all its children."""
    return tuple(1000 * seconds for seconds in whole(command, **options))


# How a program is run: natively; as a guest; natively, under a filter as a guest's, which is the floor.
RUNS = ([], [PERSONA, "run"], [os.path.join(BUILD, "armed")])


def built(run):
    """The system that a program is built for which is run so."""
    return SYSTEMS[run == RUNS[1]]


def program(run, name):
    return run + [os.path.join(BUILD, "go-" + built(run), name)]


def serving(run):
    """Milliseconds in which a Linux client gets 40,000 answers of the server, and of the server's processor time."""
    server = subprocess.Popen(program(run, "serve"), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    address = server.stdout.readline().decode().strip()
    try:
        clock, _ = cost([os.path.join(BUILD, "go-linux", "load"), address, "40000"])
    finally:
        server.stdin.close()
        _, status, used = os.wait4(server.pid, 0)
        server.returncode = status
    return clock, 1000 * (used.ru_utime + used.ru_stime)


def compiling(run, project):
    """What it costs that Go's tools build a program and what it imports, from nothing; the floor's go forks as the guest's does."""
    system = built(run)
    root = os.path.join(BUILD, "goroot-" + system)
    cache = os.path.join(BUILD, "cache-" + system)
    shutil.rmtree(cache, ignore_errors=True)
    values = dict(environment("linux"), GOROOT=root, GOCACHE=cache, GOTOOLDIR=os.path.join(root, "pkg", "tool", system + "_amd64"))
    go = os.path.join(BUILD, "go-forking") if run == RUNS[2] else os.path.join(root, "bin", "go")
    return cost(run + [go, "build", "-o", os.path.join(BUILD, "built-" + system), "."], env=values, cwd=project)


def measure(table, rounds=3):
    build()
    big, text, tree, project = data()
    plain = {
        "gofmt over GOROOT/src": ("gofmt", ["-l"] + library(), 1.05),
        "sha256 of 1 GiB": ("sha256", [big], 1.05),
        "gzip of 256 MiB": ("gzip", [text], 1.05),
        "walk of 100,000 files": ("walk", [tree], 1.15),
    }
    for title, (name, arguments, target) in plain.items():
        both(table, title, rounds, target, lambda run: cost(program(run, name) + arguments))
    both(table, "40,000 HTTP requests", rounds, 1.05, serving)
    both(table, "go build of 50 packages", rounds, 1.05, lambda run: compiling(run, project))


def both(table, title, rounds, target, measured):
    """A row by the clock, and one of processor time, which other programs on the machine disturb less."""
    rounds = [[measured(run) for run in RUNS] for _ in range(rounds)]
    for index, (name, wanted) in enumerate(((title, target), ("  processor time", None))):
        sides = [[side[index] for side in each] for each in rounds]
        table.row(name, "ms", [(native, guest) for native, guest, _ in sides], wanted, [armed / native for native, _, armed in sides])
