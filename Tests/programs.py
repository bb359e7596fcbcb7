#!/usr/bin/env python3
"""Builds the Go programs of samples/go for FreeBSD and for Linux, and compares the two.

The FreeBSD program runs under Persona, the Linux one natively; standard output and exit status must be equal
byte for byte, and the error output too where it does not depend on the run.
"""
import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import time

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
GOROOT = os.environ.get("GOROOT") or os.path.join(TOP, "build", "tools", "site", "go")
SOURCES = os.path.join(TOP, "samples", "go")
BUILD = os.path.join(TOP, "build", "go-programs")
LEFTHOOK = os.path.join(TOP, "build", "tools", "lefthook")

# What differs at home too, with its reason.
DIFFERENCES = {
    ("dragonfly", "interfaces"): "Go reads if_msghdr as before DragonFly 5.8 (internal/routebsd), and finds no interface",
}

# What a program needs beyond its name: arguments, standard input, whether the error output is compared,
# seconds it may take.
SETTINGS = {
    "hello": {"arguments": ["one", "", "fail"], "errors": True},
    "standardio": {"input": b"first\n" + b"more\n" * 50000},
    "gofmt": {"arguments": ["-l", os.path.join(GOROOT, "src")], "errors": True, "seconds": 240},
    "lefthook": {"errors": True},
}


def go(system, arguments, folder):
    values = dict(os.environ, GOROOT=GOROOT, GOOS=system, GOARCH="amd64", CGO_ENABLED="0", GOTOOLCHAIN="local",
                  GOCACHE=os.path.join(TOP, "build", "go-cache"), GOPROXY="off", GOTELEMETRY="off",
                  GOPATH=os.path.join(TOP, "build", "go-path"))
    subprocess.run([os.path.join(GOROOT, "bin", "go")] + arguments, env=values, cwd=folder, check=True)


def build(foreign):
    for system in ("linux", foreign):
        target = os.path.join(BUILD, system)
        os.makedirs(target, exist_ok=True)
        go(system, ["build", "-o", target + "/", "./..."], SOURCES)
        go(system, ["build", "-o", os.path.join(target, "gofmt"), "cmd/gofmt"], os.path.join(GOROOT, "src"))
        lefthook = os.path.join(LEFTHOOK, f"{system}-x86_64", "lefthook")
        if os.path.exists(lefthook):
            shutil.copy(lefthook, target)


def run(command, settings, folder, limit):
    """The status and both outputs of one run in an empty folder; None as status when time ran out."""
    shutil.rmtree(folder, ignore_errors=True)
    temporary = os.path.join(folder, "tmp")
    os.makedirs(temporary)
    values = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), "TMPDIR": temporary,
              "LANG": "C", "PERSONA_TEST_A": "plain", "PERSONA_TEST_B": "with = and spaces", "PERSONA_TEST_C": ""}
    process = subprocess.Popen(command, cwd=folder, env=values, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, start_new_session=True)
    try:
        out, errors = process.communicate(settings.get("input", b""), timeout=limit)
        status = process.returncode
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        out, errors = process.communicate()
        status = None
    shutil.rmtree(folder, ignore_errors=True)
    return status, out, errors


def first_difference(wanted, got):
    """The first line in which two outputs differ, for a reader."""
    left, right = wanted.decode("utf-8", "replace").split("\n"), got.decode("utf-8", "replace").split("\n")
    for number, (one, other) in enumerate(zip(left + ["(end)"], right + ["(end)"]), 1):
        if one != other:
            return f"line {number}: natively {one[:300]!r}, under Persona {other[:300]!r}"
    return "one is longer"


def compare(name, native, foreign, settings):
    """What is wrong with the foreign run; empty when nothing is."""
    problems = []
    if foreign[0] is None:
        problems.append("took too long")
    elif native[0] != foreign[0]:
        problems.append(f"status {foreign[0]}, natively {native[0]}")
    if native[1] != foreign[1]:
        problems.append("output: " + first_difference(native[1], foreign[1]))
    if settings.get("errors") and native[2] != foreign[2]:
        problems.append("errors: " + first_difference(native[2], foreign[2]))
    if problems and not settings.get("errors") and foreign[2]:
        problems.append("error output: " + foreign[2].decode("utf-8", "replace")[-600:])
    return problems


HOOKS = """\
colors: false
pre-commit:
  parallel: true
  commands:
    words:
      glob: "*.txt"
      run: cat {staged_files}
    empty:
      glob: "*.none"
      run: "false"
    count:
      run: sh -c 'echo staged {staged_files} | wc -w'
  scripts:
    "check.sh":
      runner: sh
commit-msg:
  commands:
    message:
      run: grep -q ":" {1}
pre-push:
  commands:
    refuse:
      run: "false"
"""


def lefthook_session(launcher, executable, folder, limit):
    """A repository whose commits run lefthook's hooks; every command's words and status, one after another."""
    shutil.rmtree(folder, ignore_errors=True)
    repository = os.path.join(folder, "repository")
    os.makedirs(repository)
    values = {"PATH": os.environ["PATH"], "HOME": folder, "LANG": "C", "NO_COLOR": "1",
              "GIT_CONFIG_NOSYSTEM": "1", "GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@example.org",
              "GIT_COMMITTER_NAME": "A", "GIT_COMMITTER_EMAIL": "a@example.org",
              "GIT_AUTHOR_DATE": "2024-01-01T00:00:00Z", "GIT_COMMITTER_DATE": "2024-01-01T00:00:00Z",
              "LEFTHOOK_BIN": os.path.join(folder, "lefthook")}
    with open(values["LEFTHOOK_BIN"], "w", encoding="utf-8") as file:
        file.write("#!/bin/sh\nexec " + " ".join(f"'{word}'" for word in launcher + [executable]) + ' "$@"\n')
    os.chmod(values["LEFTHOOK_BIN"], 0o755)
    lefthook = [values["LEFTHOOK_BIN"]]
    with open(os.path.join(repository, "lefthook.yml"), "w", encoding="utf-8") as file:
        file.write(HOOKS)
    os.makedirs(os.path.join(repository, ".lefthook", "pre-commit"))
    with open(os.path.join(repository, ".lefthook", "pre-commit", "check.sh"), "w", encoding="utf-8") as file:
        file.write("echo script ran in $(basename $PWD)\n")
    for name in ("one.txt", "two.txt"):
        with open(os.path.join(repository, name), "w", encoding="utf-8") as file:
            file.write(f"text of {name}\n")
    transcript = []
    for command in (["git", "init", "-q", "-b", "main", "."], lefthook + ["version"], lefthook + ["install"],
                    ["ls", ".git/hooks/pre-commit", ".git/hooks/commit-msg"], ["git", "add", "."],
                    lefthook + ["run", "pre-commit"], ["git", "commit", "-q", "-m", "no colon"],
                    ["git", "commit", "-q", "-m", "first: commit"], ["git", "log", "--oneline"],
                    lefthook + ["run", "pre-push"], lefthook + ["run", "no-such-hook"], lefthook + ["dump"],
                    lefthook + ["uninstall"], lefthook + ["no-such-command"]):
        process = subprocess.Popen(command, cwd=repository, env=values, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)
        try:
            out, _ = process.communicate(timeout=limit)
            status = process.returncode
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            out, _ = process.communicate()
            status = "none in time"
        transcript.append(f"$ {' '.join(command).replace(folder, '')}\n{steady(out, folder)}[{status}]\n")
    shutil.rmtree(folder, ignore_errors=True)
    return 0, "".join(transcript).encode(), b""


def steady(out, folder):
    """Lefthook's words without times, and its parallel commands' lines in one order."""
    text = out.decode("utf-8", "replace").replace(folder, "FOLDER")
    text = re.sub(r"\(\d+\.\d+ seconds\)|\d+\.\d+ seconds", "(time)", text)
    text = re.sub(r"\(([a-z-]+(?:, [a-z-]+)+)\)", lambda found: " ".join(sorted(found[1].split(", "))), text)
    return "".join(sorted(text.splitlines(keepends=True)))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("programs", nargs="*", help="default: all of samples/go, gofmt and lefthook")
    parser.add_argument("--persona", default=os.path.join(TOP, "build", "bin", "persona"))
    parser.add_argument("--os", default="freebsd", help="the system that programs are built for")
    parser.add_argument("--repeat", type=int, default=1, help="runs of each program under Persona")
    parser.add_argument("--native-twice", action="store_true", help="compare two native runs: is the test steady?")
    parser.add_argument("--build-only", action="store_true")
    parser.add_argument("--no-build", action="store_true")
    options = parser.parse_args()
    # Whoever began this in the background, or by nohup, ignores these: children that are to die by them would live for minutes.
    for each in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
        if signal.getsignal(each) == signal.SIG_IGN:
            signal.signal(each, signal.SIG_DFL)
    if not options.no_build:
        build(options.os)
    if options.build_only:
        return 0
    names = options.programs or sorted(
        [name for name in os.listdir(SOURCES) if os.path.isdir(os.path.join(SOURCES, name))]) + ["gofmt"]
    # lefthook is released for few systems.
    if not options.programs and os.path.exists(os.path.join(BUILD, options.os, "lefthook")):
        names.append("lefthook")
    launcher = [] if options.native_twice else [options.persona, "run", "--"]
    system = "linux" if options.native_twice else options.os
    passed, failed = 0, 0
    for name in names:
        if (system, name) in DIFFERENCES:
            print(f"left {name:12} {DIFFERENCES[system, name]}", flush=True)
            continue
        settings = SETTINGS.get(name, {})
        limit = settings.get("seconds", 90)
        problems, slowest = [], 0.0
        folder = os.path.join(BUILD, "run", name)
        native_started = time.monotonic()
        program = os.path.join(BUILD, "linux", name)
        if name == "lefthook":
            native = lefthook_session([], program, folder, limit)
        else:
            native = run([program] + settings.get("arguments", []), settings, folder, limit)
        native_took = time.monotonic() - native_started
        for _ in range(options.repeat):
            program = os.path.join(BUILD, system, name)
            started = time.monotonic()
            if name == "lefthook":
                foreign = lefthook_session(launcher, program, folder, limit)
            else:
                foreign = run(launcher + [program] + settings.get("arguments", []), settings, folder, limit)
            slowest = max(slowest, time.monotonic() - started)
            problems += compare(name, native, foreign, settings)
            if problems:
                break
        verdict = "FAIL" if problems else "ok"
        print(f"{verdict:4} {name:12} status {native[0]}, {len(native[1])} bytes, {slowest:.2f} s "
              f"(natively {native_took:.2f} s)", flush=True)
        for problem in problems:
            print("     " + problem, flush=True)
        passed, failed = passed + (not problems), failed + bool(problems)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
