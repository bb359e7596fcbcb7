#!/usr/bin/env python3
"""Has `persona new` make a folder from nothing and one from each system: it checks, and runs a program of the system."""
import os
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PERSONA = os.environ.get("PERSONA", os.path.join(ROOT, "build/bin/persona"))
# A sample of each system, whose output stands beside its source.
SAMPLES = {"freebsd": "hello", "netbsd": "hello", "openbsd": "hello", "dragonfly": "registers", "plan9": "pipes"}


def main():
    failures = []
    with tempfile.TemporaryDirectory() as place:
        values = dict(os.environ, XDG_CONFIG_HOME=place, XDG_CACHE_HOME=place)

        def persona(*arguments):
            return subprocess.run([PERSONA, *arguments], env=values, cwd=place, stdin=subprocess.DEVNULL,
                                  capture_output=True, text=True, timeout=60)

        def check(name, program, expected, *arguments):
            made = persona("new", name, *arguments)
            folder = os.path.join(place, "persona/personalities", name)
            checked = persona("check", folder)
            if made.returncode or checked.returncode or not checked.stdout.endswith(": no errors\n"):
                failures.append(f"{name}: {made.stderr}{checked.stdout}{checked.stderr}")
            # What is made from another has its marks: the user names it.
            done = persona("run", *(["--as", name] if arguments else []), program)
            if (done.returncode, done.stdout, done.stderr) != (0, expected, ""):
                failures.append(f"{name}: status {done.returncode}, {done.stdout!r}, {done.stderr!r}")

        program = os.path.join(place, "hello")
        subprocess.run(["sh", os.path.join(ROOT, "samples/freestanding.sh"), "--compiler", "--target=x86_64-unknown-none-elf",
                        "-nostdlib", "-static", "-fuse-ld=lld", "-o", program, os.path.join(ROOT, "samples/tinix/new.s")],
                       check=True)
        check("fresh", program, "hello\n")
        for system, sample in SAMPLES.items():
            subprocess.run(["sh", os.path.join(ROOT, "samples", system, "build.sh")], check=True)
            with open(os.path.join(ROOT, "samples", system, sample + ".out"), encoding="utf-8") as file:
                expected = file.read()
            # A name of its own, and then in its origin's place.
            for name in ("my" + system, system):
                check(name, os.path.join(ROOT, "build/samples", system, sample), expected, "--from", system)
    for failure in failures:
        print("new:", failure)
    print(f"new: {1 + 2 * len(SAMPLES)} folders", "failed" if failures else "check and run their programs")
    return 1 if failures else 0


sys.exit(main())
