#!/usr/bin/env python3
"""Makes a call log independent of the run, for comparing it with an expected one.

Processes and threads become P1, P2, … in the order of their numbers; addresses 0xADDRESS; paths below the
argument (the folder of the run) WORK, those below the project TOP; port numbers PORT; seconds, inodes,
free space and the parent N; random bytes RANDOM. The lines of each thread stand together, threads in the order of their names.
"""
import os
import re
import sys

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


# Where a call's line names a process or thread.
PROCESS = re.compile(
    r"(\[(?:\d+/)?(?=\d+\])|\[(?=\d+/)|si_pid=|ident=(?=\d+, EVFILT_PROC)|P_PID, |(?:fork|clone)\([^)]*\) = |\bkill\(-?|sigqueue\(|wait4\("
    r"|__wait450\(|sigqueueinfo\(|_lwp_(?:wait|kill|detach|suspend|continue|unpark|wakeup|[gs]etname)\(|_lwp_self\(\) = "
    r"|setpriority\(PRIO_PROCESS, |sched_setaffinity\(|pidfd_open\(|kcmp\(|tgkill\(|thr_kill2?\(|get(?:thrid|tid)\(\) = |setpgid\(|rt_sigqueueinfo\(|get(?:p|s|pgr|pg)i?[dp]\([^)]*\) = |setsid\(\) = "
    r"|\) = (?=\d+  <= waitid))(\d+)")
# What Plan 9 tells of files (inode, times), and of a child's end.
RECORDS = re.compile(r'"(?:\\\d{1,3}|\\?[^"\\])\\0[Mcedps/]\\0(?:[^"\\]|\\.)*"(?:\.\.\.)?')
END = re.compile(r"\] await\(|\"\d+ \d+ \d+ \d+ '")
PAIR = re.compile(r"((?:kcmp|tgkill)\(P\d+, )(\d+)")


def main():
    work = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else ""
    numbers, threads = set(), {}
    lines = sys.stdin.read().splitlines()
    for line in lines:
        found = re.match(r"\[(?:(\d+)/)?(\d+)\]", line)
        numbers.update(int(number) for number in (found.groups() if found else ()) if number)
    names = {str(number): f"P{index}" for index, number in enumerate(sorted(numbers), 1)}
    for line in lines:
        if work:
            line = line.replace(work, "WORK")
        line = line.replace(TOP, "TOP")
        if '"TOP' in line:
            # A name is looked at part by part, and how many parts there are depends on where the project lies.
            line = re.sub(r"(  <= )statx\(AT_FDCWD, \[engine\].*", r"\1WALK", line)
        line = re.sub(r"0x[0-9a-f]{6,}|\b48103[67]\d{6}\b", "0xADDRESS", line)
        line = re.sub(r"\bnsec\(\) = \d+", "nsec() = N", line)
        line = re.sub(r"getppid\(\) = \d+", "getppid() = N", line)
        line = re.sub(r'(getrandom|getentropy)\(".*", ', r"\1(RANDOM, ", line)
        line = re.sub(r"sigreturn\(\{sc_[^}]*\}\)", "sigreturn(CONTEXT)", line)
        line = re.sub(r"(kcmp\([^)]*\)) = [12]\b", r"\1 = N", line)
        line = re.sub(r"(127\.0\.0\.1|\[::1\]|0\.0\.0\.0|\[::\]):[1-9]\d*", r"\1:PORT", line)
        line = re.sub(r"\b(tv_u?n?sec|st_ino|st_dev|f_\w+|d_fileno|ru_\w+)=-?\d+", r"\1=N", line)
        line = re.sub(r"\{(wru_self=\{)?ru_utime=.*\}", "{RUSAGE}", line)
        # What is mounted, and how long the path of the project is, only this machine knows.
        line = re.sub(r"(__f?statvfs190|__getvfsstat90)\(.*", r"\1(MOUNTS)", line)
        line = re.sub(r"__getcwd\(.*", "__getcwd(WORK)", line)
        # A process's directory is named by its number, which has more digits at times.
        line = re.sub(r'(stat\("/proc/\w+", .*, \d+\) = )\d+', r"\1N", line)
        # How much of a buffer is shown behind a path depends on the path's length.
        line = re.sub(r'(WORK[^"]*?)(\\0)+"\.\.\.', r'\1\\0"...', line)
        line = re.sub(r"(S_IFCHR\|)0\d+, st_rdev=\d+(, \.\.\.\}\) = 0  <= statx\()", r"\1N, st_rdev=N\2", line)
        # The union in a siginfo: of a sender it holds the user's number where a fault's address would be.
        line = re.sub(r"(si_pid=\d+, (?:si_uid=\d+, )?si_addr=)0x[0-9a-f]+", r"\1N", line)
        lost = re.search(r"posix_spawn\(.* clone\([^)]*\) = (\d+)", line)
        if lost and lost[1] not in names:
            line = re.sub(rf"\b{lost[1]}\b", "P?", line)
        line = re.sub(r"(clock_getcpuclockid2\(\w+, \d+, \[)\d+", r"\1N", line)
        line = re.sub(r"/dev/pts/\d+", "/dev/pts/N", line)
        line = re.sub(r"\{cfd=(\d+), sfd=\1, (cn=\"/dev/null\", sn=\"/dev/pts/N\"\})", r"{cfd=N, sfd=N, \2", line)
        line = re.sub(r"(kevent\w*\(.*EVFILT_TIMER, EV_CLEAR, data=)\d+", r"\1N", line)
        line = re.sub(r"/\* \d\d+ variables", "/* N variables", line)
        line = PROCESS.sub(lambda match: match[1] + names.get(match[2], match[2]), line)
        line = re.sub(r'"(/proc/|#p/)(\d+)', lambda match: '"' + match[1] + names.get(match[2], match[2]), line)
        line = line.replace("; nanosleep([engine], NULL) = 0", "")
        line = re.sub(r'" +(\d+) "', lambda match: f'"{names.get(match[1], match[1])} "', line)
        line = RECORDS.sub("RECORDS", line)
        if "RECORDS, 32768" in line:
            # How many there are in a folder such as the environment's.
            line = re.sub(r"\) = \d+\b", ") = N", line)
        if END.search(line):
            # Times, and whether the child had ended before anybody waited for it, differ from run to run.
            line = re.sub(r'"(\d+) \d+ \d+ \d+ ', r'"\1 N N N ', line)
            # How much of a long text the log shows depends on the width of the process's number.
            line = re.sub(r'( pc=)[^"]*"\.\.\.', r'\1"...', line)
            line = re.sub(r"\b\d+\b", lambda match: names.get(match[0], match[0]), line)
            line = re.sub(r"\) = \d+( .*)?$", ") = N", line)
        line = PAIR.sub(lambda match: match[1] + names.get(match[2], match[2]), line)
        key = line.split("]", 1)[0]
        threads.setdefault(key, []).append(line)
    for _, group in sorted(threads.items(), key=lambda item: [len(item[0]), item[0]]):
        print("\n".join(group))


if __name__ == "__main__":
    main()
