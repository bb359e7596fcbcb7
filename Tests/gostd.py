#!/usr/bin/env python3
"""Runs the Go standard library's own tests, built for FreeBSD under Persona and for Linux natively.

Every package is built once per system with `go test -c` (kept in build/go-std), run in its source folder,
and counted test by test. A test that passes natively and does not pass under Persona fails this run, unless
docs/go-std-failures.txt names it with a reason.
"""
import argparse
import concurrent.futures
import json
import os
import re
import selectors
import signal
import subprocess
import sys
import time

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.path.join(TOP, "build", "go-std")
PACKAGES = ("errors bufio bytes strings fmt io path/filepath sync os/signal os/exec syscall time os net "
            "net/http runtime").split()
MARK = re.compile(r"\x16(=== RUN|=== PAUSE|=== CONT|=== NAME|--- PASS:|--- FAIL:|--- SKIP:) +(\S+)")


def goroot():
    """The Go distribution that Tests/tools.sh unpacked, or $GOROOT."""
    return os.environ.get("GOROOT") or os.path.join(TOP, "build", "tools", "site", "go")


def environment(system):
    """What `go` and the tests see: one cache, no cgo, `go` in PATH building for the system under test."""
    values = dict(os.environ, GOROOT=goroot(), GOOS=system, GOARCH="amd64", CGO_ENABLED="0",
                  GOCACHE=os.path.join(TOP, "build", "go-cache"), GOFLAGS="-p=2", GOTOOLCHAIN="local",
                  GOPATH=os.path.join(TOP, "build", "go-path"), GOPROXY="off", GOTELEMETRY="off")
    values["PATH"] = os.path.join(goroot(), "bin") + ":" + values["PATH"]
    for name in ("GOFLAGS",):
        values[name] = os.environ.get(name, values[name])
    return values


def binary(package, system):
    return os.path.join(BUILD, system, package.replace("/", "_") + ".test")


def build(package, system):
    """Builds one test program unless it is there; its path, or None when the build fails."""
    target = binary(package, system)
    if os.path.exists(target):
        return target
    os.makedirs(os.path.dirname(target), exist_ok=True)
    started = time.monotonic()
    done = subprocess.run([os.path.join(goroot(), "bin", "go"), "test", "-c", "-o", target, package],
                          env=environment(system), cwd=os.path.join(goroot(), "src"),
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        print(f"{package}: cannot be built for {system}:\n{done.stdout}", flush=True)
        return None
    print(f"{package}: built for {system} in {time.monotonic() - started:.0f} s", flush=True)
    return target


def build_together(packages, system):
    """Builds what is missing with one `go`, which keeps all processors busy; failures are left to `build`."""
    missing = [package for package in packages if not os.path.exists(binary(package, system))]
    if len(missing) < 2:
        return
    folder = os.path.join(BUILD, system, "together")
    os.makedirs(folder, exist_ok=True)
    started = time.monotonic()
    subprocess.run([os.path.join(goroot(), "bin", "go"), "test", "-c", "-o", folder + "/"] + missing,
                   env=environment(system), cwd=os.path.join(goroot(), "src"), stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL)
    for package in missing:
        built = os.path.join(folder, package.rsplit("/", 1)[-1] + ".test")
        if os.path.exists(built):
            os.replace(built, binary(package, system))
    print(f"{len(missing)} packages: built for {system} in {time.monotonic() - started:.0f} s", flush=True)


class Run:
    """The outcome of one package's tests on one side: name -> pass, fail, skip, crash or hang."""

    def __init__(self):
        self.results = {}
        self.output = []

    def counts(self):
        top = [outcome for name, outcome in self.results.items() if "/" not in name]
        return tuple(sum(outcome in kinds for outcome in top)
                     for kinds in (("pass",), ("fail", "crash", "hang"), ("skip",)))


def run_once(command, package, system, options, selection, skipped, run):
    """Runs the program once; the top-level tests that were under way when it ended without finishing."""
    arguments = ["-test.v=test2json", f"-test.timeout={options.timeout}s", "-test.run", selection]
    if options.short:
        arguments.append("-test.short")
    if options.parallel:
        arguments.append(f"-test.parallel={options.parallel}")
    patterns = ["^(" + "|".join(re.escape(name) for name in skipped) + ")$"] if skipped else []
    if options.skip and system != "linux":
        patterns.append(options.skip)
    if patterns:
        arguments += ["-test.skip", "|".join(patterns)]
    process = subprocess.Popen(command + arguments, cwd=os.path.join(goroot(), "src", package),
                               env=environment(system), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, start_new_session=True)
    running, paused = set(), set()
    finished_in_time = True
    deadline = time.monotonic() + options.timeout + 20
    selector = selectors.DefaultSelector()
    selector.register(process.stdout, selectors.EVENT_READ)
    tail = b""
    while True:
        wait = min(options.idle, deadline - time.monotonic())
        if wait <= 0 or not selector.select(wait):
            finished_in_time = False
            if options.stacks:
                os.killpg(process.pid, signal.SIGQUIT)
                time.sleep(1)
            break
        chunk = os.read(process.stdout.fileno(), 1 << 16)
        if not chunk:
            break
        *lines, tail = (tail + chunk).split(b"\n")
        for line in lines:
            text = line.decode("utf-8", "replace")
            run.output.append(text)
            for word, name in MARK.findall(text):
                if word == "=== RUN" or word == "=== CONT":
                    running.add(name)
                    paused.discard(name)
                elif word == "=== PAUSE":
                    paused.add(name)
                    running.discard(name)
                elif word.startswith("---"):
                    run.results[name] = word[4:8].lower()
                    running.discard(name)
                    paused.discard(name)
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()
    process.stdout.close()
    run.output.append(f"[exit status {process.returncode}{'' if finished_in_time else ', silent too long'}]")
    unfinished = {name.split("/")[0] for name in running}
    if not unfinished and process.returncode not in (0, 1):
        unfinished = {name.split("/")[0] for name in paused}
    for name in unfinished:
        run.results[name] = "crash" if finished_in_time else "hang"
    return bool(unfinished) or not finished_in_time or process.returncode not in (0, 1), process.returncode


def tree():
    """The files of a Plan 9 tree that the tests of os look at, with words of their own."""
    folder = os.path.join(BUILD, "plan9-tree")
    os.makedirs(os.path.join(folder, "lib", "ndb"), exist_ok=True)
    for name in ("common", "local"):
        with open(os.path.join(folder, "lib", "ndb", name), "w", encoding="utf-8") as file:
            file.write(f"# {name}\n" * 4)
    return folder


def run_package(package, system, options):
    """Runs all tests of a package, starting again after each one that takes the program down."""
    program = build(package, system)
    run = Run()
    if program is None or options.build_only:
        return run
    root = ["--root", tree()] if system == "plan9" else []
    command = [program] if system == "linux" else [options.persona, "run", *root, "--", program]
    selection = options.run or ("." if package not in options.subsets else options.subsets[package])
    for attempt in range(options.restarts):
        before = len(run.results)
        skipped = [name for name in run.results if "/" not in name]
        died, status = run_once(command, package, system, options, selection, skipped, run)
        if not died:
            break
        if len(run.results) == before:
            run.results.setdefault("(program)", "crash")
            break
    log = os.path.join(BUILD, f"{package.replace('/', '_')}.{system}.log")
    with open(log, "w", encoding="utf-8", errors="replace") as file:
        file.write("\n".join(run.output).replace("\x16", ""))
    return run


def native_run(package, options):
    """The native side, remembered per mode, since it does not depend on Persona."""
    key = f"{package.replace('/', '_')}{'-short' if options.short else ''}"
    if package in options.subsets:
        key += "-subset"
    path = os.path.join(BUILD, "native", key + ".json")
    run = Run()
    if not options.run and not options.native_again and os.path.exists(path):
        with open(path, encoding="utf-8") as file:
            run.results = json.load(file)
        return run
    run = run_package(package, "linux", options)
    if not options.run and run.results:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            json.dump(run.results, file, indent=0, sort_keys=True)
    return run


def known_failures(path):
    """Lines of `package Test[/subtest] reason`; a test name of `*` at its end covers what begins so."""
    known = {}
    if os.path.exists(path):
        with open(path, encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                words = line.split(None, 2)
                if not words or words[0].startswith("#"):
                    continue
                if len(words) < 3:
                    sys.exit(f"{path}:{number}: expected: package test reason")
                known[words[0], words[1]] = words[2].strip()
    return known


def is_known(known, package, name):
    """Whether the list names this test, one of its parents, or a prefix of it that ends in `*`."""
    for (listed_package, listed), _ in known.items():
        if listed_package != package:
            continue
        if name == listed or name.startswith(listed + "/"):
            return True
        if listed.endswith("*") and name.startswith(listed[:-1]):
            return True
    return False


def begin_runs(packages, options):
    """Each package natively and under Persona, and how many seconds that took; the longest begin first."""
    def timed(function, *arguments):
        started = time.monotonic()
        return function(*arguments), time.monotonic() - started

    pool = concurrent.futures.ThreadPoolExecutor(options.jobs)
    long = ("runtime", "net/http", "os", "time", "net")
    order = sorted(packages, key=lambda package: long.index(package) if options.jobs > 1 and package in long else len(long))
    foreign = (lambda package: Run()) if options.native_only else (lambda package: run_package(package, options.os, options))
    return {package: (pool.submit(timed, native_run, package, options), pool.submit(timed, foreign, package)) for package in order}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("packages", nargs="*", help="default: all sixteen")
    parser.add_argument("--persona", default=os.path.join(TOP, "build", "bin", "persona"))
    parser.add_argument("--short", action="store_true", help="the tests' own short mode")
    parser.add_argument("--subset", action="store_true", help="short mode, and parts of the slowest packages")
    parser.add_argument("--run", help="only tests that match this pattern")
    parser.add_argument("--skip", help="no tests that match this pattern, under Persona")
    parser.add_argument("--timeout", type=int, default=3600, help="seconds for one start of a program")
    parser.add_argument("--idle", type=int, default=120, help="seconds without output that count as a hang")
    parser.add_argument("--restarts", type=int, default=25, help="starts of one program at most")
    parser.add_argument("--parallel", type=int, default=0, help="tests that a program runs at a time")
    parser.add_argument("--jobs", type=int, default=1, help="programs at a time, as go test runs its packages'")
    parser.add_argument("--stacks", action="store_true", help="ask a hanging program for its stacks")
    parser.add_argument("--build-only", action="store_true")
    parser.add_argument("--native-again", action="store_true", help="do not use remembered native results")
    parser.add_argument("--native-only", action="store_true")
    parser.add_argument("--os", default="freebsd", help="the system that tests are built for")
    parser.add_argument("--known", help="the failures with a reason; default: docs/go-std-failures[-OS].txt")
    options = parser.parse_args()
    # Whoever began this in the background, or by nohup, ignores these: children that are to die by them would live on.
    for each in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
        if signal.getsignal(each) == signal.SIG_IGN:
            signal.signal(each, signal.SIG_DFL)
    suffix = "" if options.os == "freebsd" else "-" + options.os
    options.known = options.known or os.path.join(TOP, "docs", f"go-std-failures{suffix}.txt")
    options.subsets = {}
    if options.subset:
        options.short = True
        with open(os.path.join(TOP, "Tests", "gostd-subset.txt"), encoding="utf-8") as file:
            for line in file:
                if line.strip() and not line.startswith("#"):
                    package, pattern = line.split(None, 1)
                    options.subsets[package] = pattern.strip()
    known = known_failures(options.known)
    packages = [package for package in options.packages or PACKAGES if options.subsets.get(package) != "-"]

    for system in ("linux", options.os):
        build_together(packages, system)
    width = max(len(package) for package in packages)
    if not options.build_only:
        print(f"{'package':{width}}  {'Linux, natively':>22}  {options.os + ', Persona':>22}", flush=True)
        print(f"{'':{width}}  {'pass    fail    skip':>22}  {'pass    fail    skip':>22}", flush=True)
    regressions, healed, listed, shared = [], [], [], []
    totals = [0] * 6
    runs = begin_runs(packages, options)
    for package in packages:
        (native, native_seconds), (foreign, seconds) = [each.result() for each in runs[package]]
        if options.build_only:
            continue
        numbers = native.counts() + foreign.counts()
        totals = [total + number for total, number in zip(totals, numbers)]
        columns = "  ".join("  ".join(f"{number:6d}" for number in side) for side in (numbers[:3], numbers[3:]))
        print(f"{package:{width}}  {columns}   {native_seconds:4.0f} s {seconds:4.0f} s", flush=True)
        if not options.native_only and not foreign.results and native.results:
            regressions.append((package, "(program)", "crash"))
        for name, outcome in sorted(foreign.results.items()):
            bad = outcome in ("fail", "crash", "hang")
            if bad and any(other.startswith(name + "/") and value == "fail"
                           for other, value in foreign.results.items()):
                continue
            if not bad:
                if outcome == "pass" and (package, name) in known:
                    healed.append((package, name))
            elif native.results.get(name) in ("fail", "crash", "hang"):
                shared.append((package, name, outcome))
            elif is_known(known, package, name):
                listed.append((package, name, outcome))
            else:
                regressions.append((package, name, outcome))
    if options.build_only:
        return 0
    columns = "  ".join("  ".join(f"{number:6d}" for number in side) for side in (totals[:3], totals[3:]))
    print(f"{'total':{width}}  {columns}")
    for title, entries in (("fail natively too:", shared), (f"fail as {os.path.relpath(options.known, TOP)} says:", listed),
                           ("are listed as failing, but pass:", healed),
                           ("pass natively, but not under Persona:", regressions)):
        if entries:
            print(f"\n{len(entries)} {title}")
            for entry in entries:
                print("  " + " ".join(entry))
    return 1 if regressions else 0


if __name__ == "__main__":
    sys.exit(main())
