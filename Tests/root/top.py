"""top -b -d 2: each header line has its form, and its values are this host's."""
import os, re, time

COLUMNS = "  PID USERNAME    THR PRI NICE   SIZE    RES STATE   C   TIME    WCPU COMMAND"


def facts():
    memory = {line.split(":")[0]: int(line.split()[1]) for line in open("/proc/meminfo")}
    loads = open("/proc/loadavg").read().split()
    ticks = [int(word) for word in open("/proc/stat").readline().split()[1:9]]
    return {
        "time": time.time(), "up": float(open("/proc/uptime").read().split()[0]), "loads": [float(load) for load in loads[:3]],
        "last": int(loads[4]), "processes": sum(name.isdigit() for name in os.listdir("/proc")), "memory": memory, "ticks": ticks,
    }


def kibibytes(text):
    return int(text[:-1]) * {"K": 1, "M": 1024, "G": 1024 * 1024}[text[-1]]


class Header:
    """The lines of one display."""

    def __init__(self, lines, before, after):
        self.lines, self.before, self.after, self.complaints = lines, before, after, []

    def match(self, index, form):
        line = self.lines[index] if index < len(self.lines) else ""
        found = re.fullmatch(form, line)
        if not found:
            self.complaints.append(f"! line {index + 1} is not as {form!r}: {line!r}")
        return found

    def between(self, what, value, key, slack):
        low, high = sorted((key(self.before), key(self.after)))
        if not low - slack <= value <= high + slack:
            self.complaints.append(f"! {what} is {value}, but {low} to {high} (and {slack}) on this host")

    def first(self):
        found = self.match(0, r"last pid: +(\d+);  load averages: +([\d.]+), +([\d.]+), +([\d.]+)  "
                              r"up (\d+)\+(\d\d):(\d\d):(\d\d) +(\d\d):(\d\d):(\d\d)")
        if not found:
            return
        words = found.groups()
        self.between("the last pid", int(words[0]), lambda facts: facts["last"], 0)
        for index in range(3):
            self.between("a load average", float(words[1 + index]), lambda facts: facts["loads"][index], 0.25)
        days, hours, minutes, seconds = (int(word) for word in words[4:8])
        self.between("the time up", ((days * 24 + hours) * 60 + minutes) * 60 + seconds, lambda facts: facts["up"], 2)
        clock = [":".join(words[8:])] + [time.strftime("%H:%M:%S", zone(facts["time"] + late)) for facts in (self.before, self.after)
                                         for zone in (time.gmtime, time.localtime) for late in (0, 1)]
        if not any(a <= clock[0] <= b for a in clock[1:5] for b in clock[5:]):
            self.complaints.append(f"! the clock shows {clock[0]}, but it is {clock[1]} to {clock[5]}")

    def processes(self):
        found = self.match(1, r"(\d+) processes: +((?:\d+ (?:starting|running|sleeping|stopped|zombie|waiting|lock)(?:, )?)+)")
        if not found:
            return
        total = int(found[1])
        if sum(map(int, re.findall(r"\d+", found[2]))) != total:
            self.complaints.append(f"! {found[2]} are not {total}")
        self.between("the number of processes", total, lambda facts: facts["processes"], 12)

    def processor(self, is_first):
        if is_first:
            return self.match(2, "")
        found = self.match(2, r"CPU: +([\d.]+)% user, +([\d.]+)% nice, +([\d.]+)% system, +([\d.]+)% interrupt, +([\d.]+)% idle")
        if not found:
            return
        shares = [float(word) for word in found.groups()]
        if abs(sum(shares) - 100) > 0.3:
            self.complaints.append(f"! {shares} are not all")
        spent = [later - sooner for sooner, later in zip(self.before["ticks"], self.after["ticks"])]
        idle = 100 * (spent[3] + spent[4]) / max(sum(spent), 1)
        if abs(idle - shares[4]) > 35:
            self.complaints.append(f"! {shares[4]}% idle, but {idle:.1f}% on this host")

    def memory(self):
        found = self.match(3, r"Mem: (\d+[KMG]) Active, (\d+[KMG]) Inact, (\d+[KMG]) Wired, (?:\d+[KMG] Cache, )?"
                              r"(?:(\d+[KMG]) Buf, )?(\d+[KMG]) Free")
        if not found:
            return
        for word, name in zip(found.groups(), ("Active", "Inactive", None, "Buffers", "MemFree")):
            if word and name:
                slack = max(self.before["memory"][name] // 10, 64 * 1024) + (1024 * 1024 if word[-1] == "G" else 0)
                self.between(name, kibibytes(word), lambda facts: facts["memory"][name], slack)
        whole = sum(kibibytes(word) for index, word in enumerate(found.groups()) if word and index != 3)
        slack = self.before["memory"]["MemTotal"] // 50 + (1024 * 1024 if "G" in found[0] else 0)
        self.between("all memory", whole, lambda facts: facts["memory"]["MemTotal"], slack)

    def swap(self):
        total = self.before["memory"]["SwapTotal"]
        if total == 0:
            return self.match(4, "Swap: ")
        found = self.match(4, r"Swap: (\d+[KMG]) Total, .*(\d+[KMG]) Free.*")
        if found:
            self.between("swap", kibibytes(found[1]), lambda facts: facts["memory"]["SwapTotal"],
                         1024 * 1024 if found[1][-1] == "G" else 1024)


def check(lines, before, after):
    starts = [index for index, line in enumerate(lines) if line.startswith("last pid: ")]
    if len(starts) != 2 or starts[0] != 0:
        return [f"! displays begin at lines {starts}, not at the first and one more"]
    complaints = []
    for start, end in zip(starts, starts[1:] + [len(lines)]):
        header = Header(lines[start:end], before, after)
        header.first()
        header.processes()
        header.processor(start == 0)
        header.memory()
        header.swap()
        columns = [index for index, line in enumerate(header.lines) if line.rstrip() == COLUMNS]
        if len(columns) != 1 or sum(bool(line.strip()) for line in header.lines[columns[0] + 1:]) != 3:
            header.complaints.append("! not one line of columns and three processes")
        complaints += header.complaints
    return complaints
