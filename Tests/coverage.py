#!/usr/bin/env python3
"""Runs Go programs under the call log and compares: every call that they make must be one that `persona coverage` named.

    Tests/coverage.py [--root DIR] PROGRAM [ARGUMENTS…]     another program, by hand
"""
import json, os, subprocess, sys, tempfile

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PERSONA = os.environ.get("PERSONA", os.path.join(TOP, "build/bin/persona"))


# What a signal handler returns by stands in no file: the kernel brings it.
TRAMPOLINE = {"sigreturn"}


def compare(program, arguments=(), root=None, decided=False):
    """Whether what the program does was foretold; with `decided`, also that every site was decided."""
    options = ["--root", root] if root else []
    told = subprocess.run([PERSONA, "coverage", "--json", *options, program], capture_output=True, text=True)
    if told.returncode not in (0, 1, 2):
        print(f"coverage: {program}: {told.stderr.strip()}")
        return False
    coverage = json.loads(told.stdout)
    foretold = {call["name"] for call in coverage["calls"]}
    with tempfile.TemporaryDirectory() as folder:
        log = os.path.join(folder, "log")
        subprocess.run([PERSONA, "run", f"--trace={log}", "--trace-format", "json", *options, "--", program, *arguments],
                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=120)
        made = set()
        with open(log) as lines:
            for line in lines:
                record = json.loads(line)
                if "call" in record:
                    made.add(record["call"])
    missed = made - foretold - TRAMPOLINE
    undecided = coverage["undecided"]
    good = bool(made) and not missed and not (decided and undecided)
    print(f"coverage: {os.path.basename(program)}: {len(made)} calls made, {len(foretold)} foretold, {len(missed)} missed"
          f"{' (' + ' '.join(sorted(map(str, missed))) + ')' if missed else ''}, {len(undecided)} of {coverage['sites']} sites undecided"
          f"{'' if good else ': FAILED'}")
    return good


def told(program, calls=None):
    """Whether `persona coverage` names these calls of a program that cannot be run (or some), and decides every site."""
    done = subprocess.run([PERSONA, "coverage", "--json", program], capture_output=True, text=True)
    coverage = json.loads(done.stdout)
    found = {call["name"]: call["fate"] for call in coverage["calls"]}
    good = not coverage["undecided"] and coverage["sites"] > 0 and (found == calls if calls else len(found) > 20)
    print(f"coverage: {os.path.basename(program)}: {len(found)} calls foretold, {len(coverage['undecided'])} of"
          f" {coverage['sites']} sites undecided{'' if good else ': FAILED: ' + str(found)}")
    return good


# What Go's runtime and the hello program for Plan 9 call, on both machines.
PLAN9 = dict.fromkeys("close dup exits open sleep rfork brk_ notify noted semacquire semrelease seek errstr pread pwrite"
                      " tsemacquire".split(), "handler")


def build(system, name, folder, machine="amd64"):
    """samples/go/NAME for a system."""
    goroot = os.environ.get("GOROOT") or os.path.join(TOP, "build/tools/site/go")
    target = os.path.join(folder, f"{name}.{system}.{machine}")
    values = dict(os.environ, GOROOT=goroot, GOOS=system, GOARCH=machine, CGO_ENABLED="0", GOTOOLCHAIN="local",
                  GOCACHE=os.path.join(TOP, "build/go-cache"), GOFLAGS=os.environ.get("GOFLAGS", "-p=2"))
    subprocess.run([goroot + "/bin/go", "build", "-o", target, "./" + name], cwd=os.path.join(TOP, "samples/go"),
                   env=values, check=True)
    return target


def main():
    words = sys.argv[1:]
    if words:
        root = words[1] if words[0] == "--root" else None
        words = words[2:] if root else words
        sys.exit(0 if compare(words[0], words[1:], root) else 1)
    with tempfile.TemporaryDirectory() as folder:
        results = [compare(build(system, "hello", folder), decided=True) for system in ("freebsd", "netbsd", "plan9")]
        results.append(told(build("plan9", "hello", folder, "386"), PLAN9))
        results.append(told(build("freebsd", "hello", folder, "386")))
    sys.exit(0 if all(results) else 1)


main()
