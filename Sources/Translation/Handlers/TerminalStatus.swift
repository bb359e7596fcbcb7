import CEngine
import CWire

// TIOCSTAT: the kernel writes a line about the process in the terminal's foreground that it finds the most interesting. What the
// line says is this host's, from /proc. Linux does not tell the terminal's column, so that no new line is begun, and of a
// processor's use only what a process has had since it began.

/// How a system's kernel writes the line.
struct StatusStyle {
  /// What it calls what a thread waits for.
  let word: (WaitReason) -> StaticString?
  /// Of a process that has ended: what stands in place of a state, or of all behind the load.
  let ended: StaticString
  var endedIsAll = true
  /// Where it is not known what a thread waits for.
  var untold: StaticString = "iowait"
  var stopped: StaticString = "iowait"
  /// Whether each of the process's threads is told of, those that run with their processor.
  var tellsThreads = false
  /// Whether the time since the process began is told.
  var tellsAge = false
  /// KiB of resident memory that are counted as one.
  var unit = 1
  /// Behind a text that says that there is no process.
  var messageEnd: StaticString = "\n"
}

/// What the line says of a process, and by which it is chosen.
private struct Candidate {
  let facts: ProcessFacts
  /// In 1/10000 of its life.
  let use: Int

  init(_ facts: ProcessFacts, _ now: Timespec) {
    self.facts = facts
    let life = (now - Timespec(ticks: facts.started)).total / 1_000_000
    use = life > 0 ? Int(Int64(facts.userTicks + facts.systemTicks) * 10 * 10_000 / life) : 0
  }

  var isRunning: Bool { facts.state == UInt8(ascii: "R") }
  var hasEnded: Bool { facts.state == ProcessFacts.ended }

  /// Runnable ones first, then who uses the processor most, then the highest number.
  func isBetter(than other: Candidate) -> Bool {
    if isRunning != other.isRunning { return isRunning }
    if use != other.use { return use > other.use }
    if hasEnded != other.hasEnded { return other.hasEnded }
    return facts.identifier > other.facts.identifier
  }
}

extension Timespec {
  /// Ticks of 1/100 s.
  fileprivate init(ticks: Int) {
    self.init(seconds: Int64(ticks / 100), nanoseconds: Int64(ticks % 100) * 10_000_000)
  }
}

extension Call {
  /// Writes the line to the terminal of the call's descriptor: 0, or the answer.
  func writeStatus(_ style: StatusStyle) -> Int {
    guard var line = ByteWriter(self, limit: 256), let stat = scratch(144) else { return error(ENOMEM) }
    // A master's is its slave's: TIOCGPTPEER with O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC.
    var terminal = quietly(__NR_ioctl, self[0], 0x5441, 0o2004402)
    if terminal < 0 {
      let settings = hostNow(__NR_ioctl, self[0], 0x802c_542a, scratch(44)?.word ?? 0)  // TCGETS2
      if settings < 0 { return settings }
      // In the background it waits as a change of the terminal does: TCXONC, whose EINVAL comes behind the check.
      let check = host(__NR_ioctl, self[0], 0x540a, 99)
      if check != error(EINVAL) { return check }
      terminal = openAnew(self, Int(int32(0)))
      if terminal < 0 { return terminal }
    }
    defer { _ = quietly(__NR_close, terminal) }
    guard quietly(__NR_fstat, terminal, stat.word) == 0 else { return error(ENOTTY) }
    // st_rdev at 40
    appendLine(self, style, device: stat.get(at: 40, as: UInt64.self), to: &line)
    // A terminal that takes nothing now is told nothing.
    _ = hostNow(__NR_write, terminal, line.start.word, line.count)
    return 0
  }
}

/// The descriptor's terminal, opened to be written to.
private func openAnew(_ call: Call, _ descriptor: Int) -> Int {
  guard var path = ByteWriter(call, limit: 64) else { return call.error(ENOMEM) }
  path.append("/proc/self/fd/")
  path.append(decimal: descriptor)
  path.append(0)
  return quietly(__NR_openat, -100, path.start.word, 0o2004401)  // O_WRONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC
}

private func appendLine(_ call: Call, _ style: StatusStyle, device: UInt64, to line: inout ByteWriter) {
  line.append("load: ")
  var load = HostFile(call, "/proc/loadavg")
  while let digit = load.byte(), digit != 0x20 { line.append(digit) }
  line.append(" ")
  var group = -1
  eachFacts(call) { facts in
    guard facts.terminal != 0, UInt64(facts.terminal) == device else { return true }
    group = facts.foreground
    return false
  }
  let now = call.now(LinuxClock.sinceBoot)
  var best: Candidate?
  if group > 0 {
    eachFacts(call) { facts in
      guard facts.group == group else { return true }
      let candidate = Candidate(facts, now)
      if best.map({ candidate.isBetter(than: $0) }) ?? true { best = candidate }
      return true
    }
  }
  guard let best, !(best.hasEnded && style.endedIsAll) else {
    line.append(
      group == -1
        ? "not a controlling terminal"
        : group <= 0 ? "no foreground process group" : best == nil ? "empty foreground process group" : style.ended)
    return line.append(style.messageEnd)
  }
  let facts = best.facts
  line.append(" cmd: ")
  withUnsafeBytes(of: facts.name) { line.append($0.baseAddress!.assumingMemoryBound(to: CChar.self)) }
  line.append(" ")
  line.append(decimal: facts.identifier)
  line.append(" [")
  if style.tellsThreads, !best.hasEnded {
    appendThreads(call, style, facts, to: &line)
  } else {
    appendState(call, style, facts, nil, to: &line)
  }
  line.append("] ")
  if style.tellsAge { append(now - Timespec(ticks: facts.started), "r ", to: &line) }
  append(Timespec(ticks: facts.userTicks), "u ", to: &line)
  append(Timespec(ticks: facts.systemTicks), "s ", to: &line)
  line.append(decimal: best.use / 100)
  line.append("% ")
  line.append(decimal: best.hasEnded ? 0 : facts.residentPages * 4 / style.unit)
  line.append("k\n")
}

/// Calls `body` with what is known of each process until it answers false.
private func eachFacts(_ call: Call, _ body: (ProcessFacts) -> Bool) {
  eachProcess(call) { pid in
    let mark = call.thread.pointee.scratch_used
    defer { call.thread.pointee.scratch_used = mark }
    return ProcessFacts(call, pid).map(body) ?? true
  }
}

private func append(_ time: Timespec, _ unit: StaticString, to line: inout ByteWriter) {
  line.append(decimal: Int(time.seconds))
  line.append(".")
  let hundredths = Int(time.nanoseconds / 10_000_000)
  if hundredths < 10 { line.append("0") }
  line.append(decimal: hundredths)
  line.append(unit)
}

/// What each of a process's threads does, in Linux's order.
private func appendThreads(_ call: Call, _ style: StatusStyle, _ facts: ProcessFacts, to line: inout ByteWriter) {
  var isFirst = true
  _ = eachTask(call, facts.identifier) { task in
    let mark = call.thread.pointee.scratch_used
    defer { call.thread.pointee.scratch_used = mark }
    guard let thread = ProcessFacts(call, facts.identifier, thread: task) else { return true }
    if !isFirst { line.append(" ") }
    isFirst = false
    appendState(call, style, thread, facts.identifier, to: &line)
    return true
  }
}

/// What a process does or, with its process, one of its threads.
private func appendState(
  _ call: Call, _ style: StatusStyle, _ facts: ProcessFacts, _ process: Int?, to line: inout ByteWriter
) {
  switch facts.state {
  case UInt8(ascii: "R"):
    line.append("running")
    guard style.tellsThreads else { return }
    line.append("/")
    line.append(decimal: facts.processor)
  case UInt8(ascii: "Z"): line.append(style.ended)
  case UInt8(ascii: "T"), UInt8(ascii: "t"): line.append(style.stopped)
  default:
    let word = waitWord(call, process ?? facts.identifier, thread: process.map { _ in facts.identifier }, style.word)
    guard let word else { return line.append(style.untold) }
    line.append(word)
  }
}
