import CEngine
import CWire

// TIOCSTAT: the kernel writes a line about the process in the terminal's foreground that it finds the most interesting. Source:
// sys/kern/tty_info.c. What the line says is this host's, from /proc. Linux does not tell the terminal's column, so that no new
// line is begun, and of a processor's use only what a process has had since it began.

/// What the line says of a process, and by which it is chosen.
private struct Candidate {
  var pid = 0
  var isRunning = false
  var isZombie = false
  /// In 1/10000 of its life.
  var use = 0

  /// proc_compare: runnable ones first, then who uses the processor most, then the highest number.
  func isBetter(than other: Candidate) -> Bool {
    if isRunning != other.isRunning { return isRunning }
    if use != other.use { return use > other.use }
    if isZombie != other.isZombie { return other.isZombie }
    return pid > other.pid
  }
}

func ioctlTerminalStatus(_ call: inout Call) -> Int {
  guard var line = ByteWriter(call, limit: 256), let stat = call.scratch(144) else { return call.error(ENOMEM) }
  // A master's is its slave's: TIOCGPTPEER with O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC.
  var terminal = quietly(__NR_ioctl, call[0], 0x5441, 0o2004402)
  if terminal < 0 {
    let settings = call.hostNow(__NR_ioctl, call[0], 0x802c_542a, call.scratch(44)?.word ?? 0)  // TCGETS2
    if settings < 0 { return settings }
    // In the background it waits as a change of the terminal does: TCXONC, whose EINVAL comes behind the check.
    let check = call.host(__NR_ioctl, call[0], 0x540a, 99)
    if check != call.error(EINVAL) { return check }
    terminal = openAnew(call, Int(call.int32(0)))
    if terminal < 0 { return terminal }
  }
  defer { _ = quietly(__NR_close, terminal) }
  guard quietly(__NR_fstat, terminal, stat.word) == 0 else { return call.error(ENOTTY) }
  // st_rdev at 40
  appendLine(call, device: stat.get(at: 40, as: UInt64.self), to: &line)
  // A terminal that takes nothing now is told nothing.
  _ = call.hostNow(__NR_write, terminal, line.start.word, line.count)
  return 0
}

/// The descriptor's terminal, opened to be written to.
private func openAnew(_ call: Call, _ descriptor: Int) -> Int {
  guard var path = ByteWriter(call, limit: 64) else { return call.error(ENOMEM) }
  path.append("/proc/self/fd/")
  path.append(decimal: descriptor)
  path.append(0)
  return quietly(__NR_openat, -100, path.start.word, 0o2004401)  // O_WRONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC
}

private func appendLine(_ call: Call, device: UInt64, to line: inout ByteWriter) {
  line.append("load: ")
  var load = HostFile(call, "/proc/loadavg")
  while let digit = load.byte(), digit != 0x20 { line.append(digit) }
  line.append(" ")
  guard let entry = call.scratch(ProcessInformation.size) else { return }
  var group = -1
  eachEntry(call, entry) {
    guard entry.get(at: ProcessInformation.terminal, as: UInt64.self) == device else { return true }
    group = Int(entry.get(at: ProcessInformation.foregroundGroup, as: Int32.self))
    return false
  }
  if group == -1 { return line.append("not a controlling terminal\n") }
  if group <= 0 { return line.append("no foreground process group\n") }
  let now = call.now(LinuxClock.sinceBoot)
  var best: Candidate?
  eachEntry(call, entry) {
    guard Int(entry.get(at: ProcessInformation.group, as: Int32.self)) == group else { return true }
    let candidate = Candidate(call, entry, now)
    if best.map({ candidate.isBetter(than: $0) }) ?? true { best = candidate }
    return true
  }
  guard let best, ProcessInformation.fill(call, best.pid, entry, 0) else {
    return line.append("empty foreground process group\n")
  }
  line.append(" cmd: ")
  line.append(UnsafePointer((entry + ProcessInformation.name).assumingMemoryBound(to: CChar.self)))
  line.append(" ")
  line.append(decimal: best.pid)
  line.append(" [")
  appendState(call, entry, best, to: &line)
  line.append("] ")
  append(now - start(entry), "r ", to: &line)
  append(time(entry, ProcessInformation.own), "u ", to: &line)
  append(time(entry, ProcessInformation.own + 16), "s ", to: &line)
  line.append(decimal: best.use / 100)
  line.append("% ")
  line.append(decimal: best.isZombie ? 0 : Int(entry.get(at: ProcessInformation.resident, as: Int64.self)) * 4)
  line.append("k\n")
}

/// Calls `body` with each process in `entry`, as of the system's start, until it answers false.
private func eachEntry(_ call: Call, _ entry: UnsafeMutableRawPointer, _ body: () -> Bool) {
  eachProcess(call) { pid in
    let mark = call.thread.pointee.scratch_used
    defer { call.thread.pointee.scratch_used = mark }
    return ProcessInformation.fill(call, pid, entry, 0) ? body() : true
  }
}

extension Candidate {
  fileprivate init(_ call: Call, _ entry: UnsafeMutableRawPointer, _ now: Timespec) {
    pid = Int(entry.get(at: ProcessInformation.pid, as: Int32.self))
    let letter = entry.get(at: ProcessInformation.letter, as: UInt8.self)
    isRunning = letter == UInt8(ascii: "R")
    isZombie = letter == UInt8(ascii: "Z")
    let life = (now - start(entry)).total / 1000
    if life > 0 { use = Int(Int64(entry.get(at: ProcessInformation.runTime, as: UInt64.self)) * 10_000 / life) }
  }
}

private func start(_ entry: UnsafeMutableRawPointer) -> Timespec { time(entry, ProcessInformation.started) }

/// A time of seconds and microseconds.
private func time(_ entry: UnsafeMutableRawPointer, _ offset: Int) -> Timespec {
  Timespec(
    seconds: entry.get(at: offset, as: Int64.self), nanoseconds: entry.get(at: offset + 8, as: Int64.self) * 1000)
}

private func append(_ time: Timespec, _ unit: StaticString, to line: inout ByteWriter) {
  line.append(decimal: Int(time.seconds))
  line.append(".")
  let hundredths = Int(time.nanoseconds / 10_000_000)
  if hundredths < 10 { line.append("0") }
  line.append(decimal: hundredths)
  line.append(unit)
}

/// What the process does, or what its thread waits for.
private func appendState(
  _ call: Call, _ entry: UnsafeMutableRawPointer, _ candidate: Candidate, to line: inout ByteWriter
) {
  if candidate.isRunning { return line.append("running") }
  if candidate.isZombie { return line.append("zombie") }
  let letter = entry.get(at: ProcessInformation.letter, as: UInt8.self)
  if letter == UInt8(ascii: "T") || letter == UInt8(ascii: "t") { return line.append("suspended") }
  guard let path = processFile(call, candidate.pid, "wchan"), let name = call.scratch(64) else { return }
  var file = HostFile(call, path)
  let count = file.read(name, 63)
  name.put(UInt8(0), at: count)
  // Linux says 0 where it does not tell.
  if count == 0 || name.get(at: 0, as: UInt8.self) == UInt8(ascii: "0") { return line.append("sleeping without queue") }
  guard let word = waitWord(name) else {
    return line.append(UnsafePointer(name.assumingMemoryBound(to: CChar.self)))
  }
  line.append(word)
}

/// The BSD's word for what a thread waits for (wmesg), by Linux's function; nil where it has none.
private func waitWord(_ name: UnsafeMutableRawPointer) -> StaticString? {
  if isSame(name, "n_tty_read") { return "ttyin" }
  if isSame(name, "do_wait") { return "wait" }
  if isSame(name, "anon_pipe_read") || isSame(name, "pipe_read") { return "piperd" }
  if isSame(name, "anon_pipe_write") || isSame(name, "pipe_write") { return "pipewr" }
  if isSame(name, "hrtimer_nanosleep") { return "nanslp" }
  if isSame(name, "do_sigtimedwait") { return "sigwait" }
  if isSame(name, "sigsuspend") || isSame(name, "__do_sys_pause") { return "pause" }
  if isSame(name, "poll_schedule_timeout") { return "select" }
  if isSame(name, "ep_poll") || isSame(name, "do_epoll_wait") { return "kqread" }
  if isSame(name, "inet_csk_accept") { return "accept" }
  if isSame(name, "sk_wait_data") || isSame(name, "unix_stream_read_generic") { return "sbwait" }
  return nil
}

/// Whether a NUL-terminated name is this one, up to what a compiler has put behind it (`.isra.0`).
private func isSame(_ name: UnsafeMutableRawPointer, _ text: StaticString) -> Bool {
  for index in 0..<text.utf8CodeUnitCount where name.get(at: index, as: UInt8.self) != text.utf8Start[index] {
    return false
  }
  let end = name.get(at: text.utf8CodeUnitCount, as: UInt8.self)
  return end == 0 || end == UInt8(ascii: ".")
}
