#!/usr/bin/env python3
"""Lets Linux's calls fail at random while foreign programs run, and holds Persona to what is right then.

    Tests/injecting.py                     a few seconds: Tests/injecting/guest.c, 30 times each way
    Tests/injecting.py --times 1000        as often as that
    Tests/injecting.py --root TREE         FreeBSD's own tar and make of a base tree; also small disks, file sizes, descriptors

Either a program ends with status 0 and its output is right, or it ends otherwise and something stands on standard error.
It never hangs, and Persona's supervisor never dies. Tests/injecting/injector.c says what is made to fail.
"""
import argparse, os, re, shutil, signal, subprocess, sys, tempfile

here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
persona = os.environ.get("PERSONA", os.path.join(here, "build/bin/persona"))
work = os.path.join(here, "build/injecting")
guest, injector = os.path.join(work, "guest"), os.path.join(work, "injector")
GUEST_OUTPUT = b"sum 3755a5a30a584900\n"
failed = 0


def build():
    os.makedirs(work, exist_ok=True)
    subprocess.run(
        ["sh", "samples/freestanding.sh", "--compiler", "--target=x86_64-unknown-freebsd14", "-fuse-ld=lld", "-nostdlib",
         "-static", "-ffreestanding", "-std=c17", "-O1", "-fno-stack-protector", "-Wall", "-Wextra", "-Werror",
         "-Wno-unused-function", "-Wno-unused-parameter", "-Wno-gnu-zero-variadic-macro-arguments", "-Wno-sign-compare",
         "-o", guest, "Tests/injecting/guest.c"], cwd=here, check=True)
    subprocess.run(["gcc", "-O1", "-Wall", "-Wextra", "-Werror", "-o", injector, "Tests/injecting/injector.c"],
                   cwd=here, check=True)


class Run:
    def __init__(self, command, folder, environment=None):
        try:
            # What a guest sends to its process group is not for this one: make(1) whose fork fails counts the job among those
            # that run, as process 0, and sends SIGINT and SIGKILL to that one's group, which is its own (FreeBSD 10.1,
            # contrib/bmake/job.c: JobExec, Punt, Job_AbortAll).
            done = subprocess.run(command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True,
                                  timeout=60, start_new_session=True)
            self.status, self.output, self.errors = done.returncode, done.stdout, done.stderr
        except subprocess.TimeoutExpired as expired:
            self.status, self.output, self.errors = None, expired.stdout or b"", expired.stderr or b""

    def mistake(self, is_right):
        """What is wrong with this run, or None."""
        if self.status is None:
            return "it did not end"
        if b"please report" in self.errors:
            return "Persona failed"
        if self.status == -signal.SIGXFSZ:
            return None
        if self.status == 0:
            return None if is_right(self) or self.has_told() else "status 0, and the result is wrong"
        return None if self.errors.strip() or self.has_told() else f"status {self.status} without a word"

    def has_told(self):
        """Whether an error stands in the output: make(1) goes on where a `!=` fails, and prints what its jobs wrote to
        standard error; the run-time linker writes some errors to standard output."""
        return re.search(rb"(?i)error|warning|cannot|can't|fail|memory|no space|no more|too many|interrupt", self.output + self.errors) is not None


class Tally:
    def __init__(self, title):
        self.title, self.right, self.told, self.mistakes = title, 0, 0, []

    def add(self, run, is_right, report, seed):
        mistake = run.mistake(is_right)
        if mistake:
            hits = open(report, errors="replace").read() if report and os.path.exists(report) else ""
            said = (run.output + run.errors).decode(errors="replace")[-600:]
            self.mistakes.append(f"seed {seed}: {mistake}\n{hits}{said}")
        elif run.status == 0:
            self.right += 1
        else:
            self.told += 1

    def end(self):
        global failed
        for mistake in self.mistakes[:5]:
            print("     " + mistake.replace("\n", "\n     "))
        failed += bool(self.mistakes)
        print(f"{'FAIL' if self.mistakes else 'ok  '} {self.title}: {self.right} right, {self.told} failed and told why, "
              f"{len(self.mistakes)} wrong", flush=True)


def inject(who, first, times, one_in, title, command, is_right, environment=None):
    tally, report = Tally(f"{title}, {who}"), os.path.join(work, "report")
    for seed in range(first, first + times):
        folder = tempfile.mkdtemp(prefix="injecting-")
        run = Run([injector, who, str(seed), str(one_in), report, *command], folder, environment)
        tally.add(run, lambda run: is_right(run, folder), report, seed)
        shutil.rmtree(folder, ignore_errors=True)
    tally.end()


# MARK: A base tree's tar and make

TAR = """mkdir from && for i in 1 2 3 4 5 6 7 8; do mkdir from/d$i && jot 2000 $i >from/d$i/f && ln -s f from/d$i/l || exit 9; done
tar czf t.tgz from && mkdir to && tar xzf t.tgz -C to && diff -r from to/from && echo same"""
MAKE = """printf 'OBJS!= jot 40\\nall: ${OBJS:S/$/.o/}\\n\\t@cat ${.ALLSRC} >all && sort -n all >sorted && md5 -q sorted\\n.for o in ${OBJS}\\n${o}.o:\\n\\t@echo ${o} >${.TARGET}\\n.endfor\\n' >Makefile && make -j4"""


def tree_checks(tree, first, times, only):
    programs = os.path.join(tempfile.mkdtemp(prefix="injecting-bin-"), "bin")
    os.mkdir(programs)
    for place in ["usr/sbin", "usr/bin", "sbin", "bin"]:
        directory = os.path.join(tree, place)
        for name in os.listdir(directory):
            link = os.path.join(programs, name)
            if os.path.lexists(link):
                os.unlink(link)
            os.symlink(os.path.join(directory, name), link)
    environment = {"HOME": os.path.dirname(programs), "PATH": programs, "TERM": "vt100"}

    def command(text):
        return [persona, "run", "--root", tree, "--", "/bin/sh", "-c", text]

    programs_run = [(title, text) for title, text in (("tar", TAR), ("make -j4", MAKE)) if only in (None, title)]
    wanted = {}
    for title, text in programs_run:
        folder = tempfile.mkdtemp(prefix="injecting-")
        wanted[title] = Run(command(text), folder, environment)
        shutil.rmtree(folder, ignore_errors=True)
        if wanted[title].status != 0:
            sys.exit(f"{title} does not run here: {wanted[title].errors.decode(errors='replace')}")

    def right(title):
        return lambda run, folder: run.output.splitlines()[-1:] == wanted[title].output.splitlines()[-1:]

    for title, text in programs_run:
        for who, one_in in (("engine", 4000), ("supervisor", 2000), ("signals", 500)):
            inject(who, first, times, one_in, title, command(text), right(title), environment)

    def limited(title, what, text, prefix, values):
        tally = Tally(f"{title}, {what}")
        for value in values:
            folder = tempfile.mkdtemp(prefix="injecting-")
            run = Run(command(f"{prefix} {value} || exit 9; {text}"), folder, environment)
            tally.add(run, lambda run: right(title)(run, folder), None, value)
            shutil.rmtree(folder, ignore_errors=True)
        tally.end()

    # The shell counts sizes in blocks of 512 bytes.
    for title, text in programs_run:
        limited(title, "few descriptors", text, "ulimit -n", range(3, 40))
        limited(title, "small files", text, "ulimit -f", [0, 1, 2, 4, 8, 12, 16, 17, 18, 20, 40, 100, 150, 200, 400])
    for title, text in programs_run:
        small_disk(title, command(text), right(title), environment)
    shutil.rmtree(os.path.dirname(programs))


def small_disk(title, command, is_right, environment):
    """In a file system of a few pages, if this process may mount one."""
    tally = Tally(f"{title}, a full disk")
    for kilobytes in (4, 8, 16, 32, 64, 100, 128, 160, 200, 300):
        folder = tempfile.mkdtemp(prefix="injecting-")
        if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "none", folder], capture_output=True).returncode:
            os.rmdir(folder)
            print(f"     no file system can be mounted here: {title} on a full disk is left out")
            return
        run = Run(command, folder, environment)
        tally.add(run, lambda run: is_right(run, folder), None, f"{kilobytes} KiB")
        subprocess.run(["umount", folder])
        os.rmdir(folder)
    tally.end()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", help="a FreeBSD base tree")
    parser.add_argument("--times", type=int)
    parser.add_argument("--only", choices=["tar", "make -j4"], help="with --root: this program alone")
    parser.add_argument("--first", type=int, default=1, help="the first seed")
    chosen = parser.parse_args()
    build()
    times = chosen.times or 30
    if chosen.root:
        tree_checks(os.path.realpath(chosen.root), chosen.first, times, chosen.only)
    else:
        for who, one_in in (("engine", 80), ("supervisor", 80), ("signals", 30)):
            inject(who, chosen.first, times, one_in, "files, pipes and processes", [persona, "run", guest],
                   lambda run, folder: run.output == GUEST_OUTPUT)
    sys.exit(failed > 0)


main()
