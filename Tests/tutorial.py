#!/usr/bin/env python3
"""Checks that the tables which docs/personalities.md shows in its tutorial are those of samples/tinix, which the
samples run, and that its example of a report is what `persona check` prints."""

import os
import re
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FOLDER = os.path.join(ROOT, "samples", "tinix", "personality")
PERSONA = os.environ.get("PERSONA", os.path.join(ROOT, "build", "bin", "persona"))


def without_comments(text):
    return "\n".join(line for line in text.splitlines() if not line.startswith("#")).strip()


def main():
    with open(os.path.join(ROOT, "docs", "personalities.md")) as file:
        page = file.read()
    shown = dict(re.findall(r"`(\w+\.table)`:\n\n```\n(.*?)```", page, re.S))
    failures = []
    names = sorted(os.listdir(FOLDER))
    if sorted(shown) != names:
        failures.append(f"the tutorial shows {sorted(shown)}, the folder holds {names}")
    for name in names:
        with open(os.path.join(FOLDER, name)) as file:
            if without_comments(file.read()) != shown.get(name, "").strip():
                failures.append(f"the tutorial's {name} is not samples/tinix/personality/{name}")

    # The same mistake as in the example, in a copy.
    report = re.search(r"files\.table:(\d+:\d+: error: .*?)```", page, re.S).group(1).strip()
    with tempfile.TemporaryDirectory() as place:
        copy = os.path.join(place, "tinix")
        os.symlink(os.path.join(ROOT, "personalities", "linux"), os.path.join(place, "linux"))
        os.mkdir(copy)
        for name in names:
            with open(os.path.join(FOLDER, name)) as source, open(os.path.join(copy, name), "w") as file:
                file.write(source.read().replace("flags: open_flags", "flags: open_flag"))
        checked = subprocess.run([PERSONA, "check", copy], capture_output=True, text=True)
        printed = checked.stdout.split("files.table:", 1)[-1].rsplit("\n" + copy, 1)[0].strip()
        if checked.returncode != 1 or printed != report:
            failures.append(f"persona check prints\n{printed}\nand not\n{report}")
    for failure in failures:
        print(failure)
    print("the tutorial is true" if not failures else f"{len(failures)} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
