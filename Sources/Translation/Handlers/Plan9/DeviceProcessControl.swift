import CEngine
import CWire

// What is written to #p's files: notes, and the requests of ctl; sys/src/9/port/devproc.c.

func writeProcessFile(_ call: Call, _ number: Int, _ descriptor: Int, _ bytes: NameBytes, _ count: Int) -> Int {
  guard let pid = call.processOf(descriptor) else { return call.fail(ESRCH, "process exited") }
  switch number {
  case ProcessFile.note, ProcessFile.notepg:
    guard count < longestMessage - 1 else { return call.fail(EINVAL, "read or write too large") }
    let posted = postNote(
      call, to: pid, group: number == ProcessFile.notepg, text: UnsafeRawPointer(bytes.baseAddress!), count: count)
    return posted < 0 ? call.fail(ESRCH, "note not posted") : count
  case ProcessFile.ctl:
    let result = controlProcess(call, pid, bytes)
    return result < 0 ? result : count
  default: return call.fail(EPERM, "permission denied")
  }
}

private func controlProcess(_ call: Call, _ pid: Int32, _ bytes: NameBytes) -> Int {
  var end = bytes.count
  while end > 0, bytes[end - 1] <= UInt8(ascii: " ") { end -= 1 }
  var split = 0
  while split < end, bytes[split] > UInt8(ascii: " ") { split += 1 }
  let word = bytes.slice(0..<split)
  var rest = split
  while rest < end, bytes[rest] <= UInt8(ascii: " ") { rest += 1 }
  let argument = bytes.slice(rest..<max(rest, end))
  let takesArgument =
    word.equals("close") || word.equals("pri") || word.equals("fixedpri") || word.equals("wired")
  if word.count == 0 { return call.fail(EINVAL, "empty control message") }
  guard isKnown(word) || takesArgument else { return refuse(call, "unknown control message", bytes.slice(0..<end)) }
  if !word.equals("trace"), takesArgument != (argument.count > 0) {
    return refuse(call, "wrong #args in control message", bytes.slice(0..<end))
  }
  if word.equals("kill") { return killProcess(call, pid) }
  if word.equals("stop") { return stopProcess(call, pid) }
  if word.equals("start") {
    guard stateOf(call, pid) == UInt8(ascii: "T") else { return badControl(call) }
    return call.hostNow(__NR_kill, Int(pid), 18 /* SIGCONT */)
  }
  if word.equals("nohang") { return 0 }
  if word.equals("close") || word.equals("closefiles") {
    guard pid == call.process.pointee.pid else { return badControl(call) }
    if word.equals("closefiles") { return call.hostNow(__NR_close_range, 0, engineDescriptors - 1, 0) }
    _ = call.hostNow(__NR_close, argument.decimal ?? -1)
    return 0
  }
  if word.equals("waitstop") { return awaitStop(call, pid) }
  if word.equals("wired") { return wire(call, pid, argument) }
  if takesArgument {
    // Plan 9's normal priority is 10, higher ones come first; Linux's is 0, lower ones come first.
    let nice = max(-20, min(19, 10 - (argument.decimal ?? 10)))
    return call.hostNow(__NR_setpriority, 0, Int(pid), nice)
  }
  return badControl(call)
}

/// Requests of devproc.c that are not carried out here.
private func isKnown(_ word: NameBytes) -> Bool {
  let words: InlineArray<14, StaticString> = [
    "kill", "stop", "start", "nohang", "closefiles", "hang", "noswap", "private", "profile", "startstop",
    "startsyscall", "waitstop", "wired", "trace",
  ]
  for index in 0..<14 where word.equals(words[index]) { return true }
  return false
}

private func badControl(_ call: Call) -> Int { call.fail(EINVAL, "bad process or channel control request") }

/// cmderror of parse.c: what is wrong, and the message's words.
private func refuse(_ call: Call, _ text: StaticString, _ message: NameBytes) -> Int {
  guard var words = call.newText(256) else { return call.error(ENOMEM) }
  words.append(text)
  words.append(" \"")
  for index in 0..<message.count {
    let isBlank = message[index] <= UInt8(ascii: " ")
    if isBlank, message[index + 1] <= UInt8(ascii: " ") { continue }
    words.append(isBlank ? UInt8(ascii: " ") : message[index])
  }
  words.append("\"")
  return call.fail(EINVAL, words.bytes)
}

private func killProcess(_ call: Call, _ pid: Int32) -> Int {
  guard let session = persona_session() else { return call.error(EIO) }
  let words: StaticString = "sys: killed"
  persona_session_lock(session)
  if let member = findMember(session, pid) {
    words.withUTF8Buffer { text in
      text.withMemoryRebound(to: CChar.self) { tell(member, $0.baseAddress!) }
    }
    member.pointee.flags |= PERSONA_MEMBER_KILLED.rawValue
  }
  persona_session_unlock(session)
  return call.hostNow(__NR_kill, Int(pid), 9)
}

/// Stops a process and waits until it has.
private func stopProcess(_ call: Call, _ pid: Int32) -> Int {
  let sent = call.hostNow(__NR_kill, Int(pid), 19 /* SIGSTOP */)
  guard sent == 0, pid != call.process.pointee.pid else { return sent }
  return awaitStop(call, pid)
}

/// waitstop: until the process has stopped or ended.
private func awaitStop(_ call: Call, _ pid: Int32) -> Int {
  if pid == call.process.pointee.pid { return badControl(call) }
  guard let time = call.scratch(16) else { return call.error(ENOMEM) }
  time.put(0, at: 0)
  time.put(1_000_000, at: 8)
  while true {
    guard let state = stateOf(call, pid), state != UInt8(ascii: "Z"), state != UInt8(ascii: "X") else {
      return call.fail(ESRCH, "process exited")
    }
    if state == UInt8(ascii: "T") { return 0 }
    let slept = call.host(__NR_nanosleep, time.word, 0)
    if slept < 0 { return slept }
  }
}

/// wired: the process runs on this processor alone (procwired of proc.c: counted round).
private func wire(_ call: Call, _ pid: Int32, _ argument: NameBytes) -> Int {
  guard let set = call.scratch(128) else { return call.error(ENOMEM) }
  clear(set, 128)
  let size = quietly(__NR_sched_getaffinity, Int(pid), 128, set.word)
  guard size > 0 else { return call.fail(ESRCH, "process exited") }
  var count = 0
  for bit in 0..<8 * size where set.get(at: bit / 8, as: UInt8.self) >> UInt8(bit % 8) & 1 != 0 { count += 1 }
  var wanted = (argument.decimal ?? 0) % max(count, 1)
  for bit in 0..<8 * size where set.get(at: bit / 8, as: UInt8.self) >> UInt8(bit % 8) & 1 != 0 {
    if wanted == 0 {
      clear(set, 128)
      set.storeBytes(of: UInt8(1) << UInt8(bit % 8), toByteOffset: bit / 8, as: UInt8.self)
      return call.hostNow(__NR_sched_setaffinity, Int(pid), size, set.word)
    }
    wanted -= 1
  }
  return badControl(call)
}

/// Linux's letter for what a process does; nil when it has ended.
private func stateOf(_ call: Call, _ pid: Int32) -> UInt8? {
  let mark = call.thread.pointee.scratch_used
  defer { call.thread.pointee.scratch_used = mark }
  guard var path = call.newText(48), let memory = call.scratch(512) else { return nil }
  path.append("/proc/")
  path.append(decimal: UInt64(UInt32(bitPattern: pid)))
  path.append("/stat")
  let file = quietly(__NR_openat, Int(AT_FDCWD), path.word, Int(O_RDONLY | O_CLOEXEC))
  guard file >= 0 else { return nil }
  let count = quietly(__NR_read, file, memory.word, 512)
  _ = quietly(__NR_close, file)
  var position = max(count, 0)
  let bytes = memory.assumingMemoryBound(to: UInt8.self)
  while position > 0, bytes[position - 1] != UInt8(ascii: ")") { position -= 1 }
  return position > 0 && position + 1 < count ? bytes[position + 1] : nil
}
