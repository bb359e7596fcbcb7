#!/usr/bin/env python3
"""root-terminals.py ROOT: the interactive programs of a FreeBSD base tree, each on a terminal of tmux.

Types keys (tmux send-keys) and waits until what must appear is on the screen (capture-pane). Programs are named by their
paths in the tree, so that no Linux program of the same name stands in. By hand: the tree is the user's, and tmux must be
installed.
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PERSONA = os.environ.get("PERSONA", os.path.join(TOP, "build/bin/persona"))
LIMIT = 20


class Terminal:
    """A tmux server of its own with one window."""

    def __init__(self, folder, command):
        self.tmux = ["tmux", "-S", os.path.join(folder, f"socket{time.monotonic_ns()}"), "-f", "/dev/null"]
        environment = "env -i TERM=xterm PATH=/bin:/usr/bin:/sbin PS1='% ' HOME=" + folder
        subprocess.run(self.tmux + ["new-session", "-d", "-x", "80", "-y", "24", f"{environment} {command}"], check=True)

    def type(self, *keys):
        subprocess.run(self.tmux + ["send-keys", *keys], check=True)

    def resize(self, columns, rows):
        subprocess.run(self.tmux + ["resize-window", "-x", str(columns), "-y", str(rows)], check=True)

    def screen(self):
        return subprocess.run(self.tmux + ["capture-pane", "-p"], capture_output=True, text=True).stdout

    def shows(self, pattern):
        """Waits until the pattern matches the screen."""
        end = time.monotonic() + LIMIT
        while time.monotonic() < end:
            if re.search(pattern, self.screen(), re.MULTILINE):
                return True
            time.sleep(0.1)
        return False

    def end(self):
        told = subprocess.run(self.tmux + ["list-panes", "-a", "-F", "#{pane_pid}"], stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, text=True)
        subprocess.run(self.tmux + ["kill-server"], stderr=subprocess.DEVNULL)
        # What was hung up may still be writing its history.
        for process in told.stdout.split():
            for _ in range(50):
                if not os.path.exists("/proc/" + process):
                    break
                time.sleep(0.1)


def sequences(folder):
    """Title, and steps of keys and of what then appears; a number pair is a new size."""
    prompt = r"^%"
    shell = [
        ("prompt", [], prompt),
        ("size", ["/bin/stty size", "Enter"], r"^24 80$"),
        ("Ctrl-C", ["clear; /bin/sleep 100", "Enter", 0.7, "C-c", "echo status $?", "Enter"], r"^status 130$"),
        ("Ctrl-Z", ["clear; /bin/sleep 101", "Enter", 0.7, "C-z"], r"Suspended"),
        ("bg", ["bg; jobs", "Enter"], r"\[1\] \+ Running +/bin/sleep 101"),
        ("fg", ["fg", "Enter", 0.7, "C-c", "echo ended $?", "Enter"], r"^ended 130$"),
        ("new size", ["clear", "Enter", (100, 30), "/bin/stty size", "Enter"], r"^30 100$"),
        ("vi", [f"/usr/bin/vi {folder}/text", "Enter", 1, "ihello from vi", "Escape"], r"^hello from vi"),
        ("vi's file", [":wq", "Enter", 0.7, f"clear; /usr/bin/tr a-z A-Z <{folder}/text", "Enter"], r"^HELLO FROM VI$"),
        ("less", ["clear; /usr/bin/less /etc/services", "Enter"], r"^# Network services"),
        ("less searches", ["/^telnet", "Enter"], r"^telnet +23/tcp"),
        ("less ends", ["q", "clear; echo back", "Enter"], r"^back$"),
        ("end of file", ["clear; /bin/cat", "Enter", 0.5, "word", "Enter", "C-d", 0.7, "echo end", "Enter"], r"^word\nword\n% echo end\nend$"),
        ("script", [f"clear; /usr/bin/script -q {folder}/script /bin/sh -c '/bin/stty size; /usr/bin/tty'", "Enter"], r"^30 100\n/dev/pts/\d+$"),
        ("top", ["clear; /usr/bin/top", "Enter"], r"^last pid: +\d+; +load averages:"),
        ("top ends", ["q", "clear; echo back", "Enter"], r"^back$"),
        ("systat", ["clear; /usr/bin/systat -ifstat 1", "Enter"], r"^ +lo +in +\d+\.\d+ KB/s"),
        ("systat ends", [":q", "Enter", 0.7, "clear; echo back", "Enter"], r"^back$"),
        ("csh", ["clear; /bin/csh -f", "Enter", 1, "echo $tcsh $version:q", "Enter"], r"^\d+\.\d+\.\d+ tcsh"),
        ("csh's jobs", ["/bin/sleep 102", "Enter", 0.7, "C-z", "jobs", "Enter"], r"\[1\] +\+ Suspended +/bin/sleep 102"),
        ("csh kills", ["kill %1", "Enter", 0.5, "jobs", "Enter"], r"Terminated +/bin/sleep 102"),
        ("csh ends", ["exit", "Enter", "clear; echo $0", "Enter"], r"^/bin/sh$"),
    ]
    outer = [
        ("prompt", [], prompt),
        ("a stopped command", [f"run /usr/bin/vi {folder}/text", "Enter", 1.5, "C-z"], r"\[1\]\+ +Stopped"),
        ("goes on", ["fg", "Enter"], r"^hello from vi"),
        ("and ends", [":q!", "Enter", 0.7, "clear; echo status $?", "Enter"], r"^status 0$"),
        ("in a pipeline", ["clear; run /bin/cat | tr a-z A-Z", "Enter", 1, "word", "Enter", "C-d"], r"^WORD$"),
        ("Ctrl-C", ["clear; run /bin/sleep 100", "Enter", 1, "C-c", "echo status $?", "Enter"], r"^status 130$"),
    ]
    return [("sh", "{run} /bin/sh -i", shell), ("Linux's shell", "bash --rcfile {rc} -i", outer)]


def main():
    if len(sys.argv) != 2 or not os.path.isdir(sys.argv[1]):
        sys.exit("usage: root-terminals.py ROOT")
    if not shutil.which("tmux"):
        sys.exit("root-terminals: tmux is not installed")
    failures = total = 0
    with tempfile.TemporaryDirectory() as folder:
        run = f"{PERSONA} run --root {os.path.abspath(sys.argv[1])}"
        with open(os.path.join(folder, "rc"), "w", encoding="utf-8") as file:
            file.write(f"PS1='% '\nrun() {{ {run} \"$@\"; }}\n")
        for title, command, steps in sequences(folder):
            terminal = Terminal(folder, command.format(run=run, rc=os.path.join(folder, "rc")))
            for name, keys, pattern in steps:
                for key in keys:
                    if isinstance(key, tuple):
                        terminal.resize(*key)
                    elif isinstance(key, str):
                        terminal.type(key)
                    else:
                        time.sleep(key)
                total += 1
                good = terminal.shows(pattern)
                print(f"{'ok  ' if good else 'FAIL'} {title}: {name}", flush=True)
                if not good:
                    failures += 1
                    print(terminal.screen())
            terminal.end()
    print(f"{total - failures} passed, {failures} failed")
    sys.exit(1 if failures else 0)


main()
