import CEngine
import CWire
import Wire

// System calls that may be made from known places only: pinsyscalls(2), msyscall(2) of releases 6.9 to 7.4, and what a
// static program's PT_OPENBSD_SYSCALLS says. Source: pin_check() of sys/sys/syscall_mi.h, sys_pinsyscalls() of
// sys/uvm/uvm_mmap.c, elf_read_pintable() of sys/kern/exec_elf.c.

enum Pins {
  /// `persona_process.pins`: ps_pin and ps_libcpin.
  static let program = 0
  static let library = 1
  static let anything = UInt32.max
  /// A call that has several places.
  static let anywhere = UInt32.max
  /// SYS_MAXSYSCALL of sys/syscall.h.
  static let limit = 331
  /// struct pinsyscalls in a program: offset and number.
  static let entry = 8
}

extension UnsafeMutablePointer where Pointee == persona_process {
  func pins(_ which: Int) -> UnsafeMutablePointer<persona_pins> {
    withUnsafeMutablePointer(to: &pointee.pins) {
      UnsafeMutableRawPointer($0).assumingMemoryBound(to: persona_pins.self) + which
    }
  }
}

extension persona_pins {
  fileprivate func holds(_ address: UInt64) -> Bool { address >= start && address < end }

  /// Where in the range the call is made; 0 for nowhere.
  fileprivate func offset(_ number: Int) -> UInt32 {
    if count == Pins.anything { return Pins.anywhere }
    return number >= 0 && number < Int(count) ? offsets[number] : 0
  }
}

extension Call {
  /// Whether the call is made from where it may not be: the process ends by SIGABRT, unless the user lets it.
  func breaksPins() -> Int? {
    let place = context[PERSONA_RIP]
    let instruction = place &- UInt64(thread.pointee.trap_length)
    let (library, program) = (process.pins(Pins.library).pointee, process.pins(Pins.program).pointee)
    var offset: UInt32 = 0
    if library.holds(instruction) {
      offset = library.offset(number)
      if offset == Pins.anywhere || offset != 0 && library.start &+ UInt64(offset) == instruction { return nil }
    } else if program.holds(instruction) {
      offset = program.offset(number)
      if offset == Pins.anywhere || offset != 0 && program.start &+ UInt64(offset) == instruction { return nil }
    } else if place == process.pointee.trampoline &+ UInt64(SigcontextFrame.trampolineReturn) {
      if isSignalReturn { return nil }
    }
    guard let line = scratch(256) else { return error(ENOMEM) }
    var end = appendProgram(line)
    end = append(line, end, "pinsyscalls addr ")
    end = appendHexadecimal(line, end, instruction)
    end = append(line, end, " code ")
    end = appendDecimal(line, end, number)
    end = append(line, end, ", pinoff 0x")
    end = appendHexadecimal(line, end, UInt64(offset == 0 ? UInt32.max : offset))
    if isLenient {
      warn(line, end)
      return nil
    }
    tellTerminal(line, end)
    endProcess(byForeignSignal: 6)
    return error(ENOSYS)
  }

  private var isSignalReturn: Bool {
    row.pointee.kind == UInt8(PERSONA_CALL_HANDLER.rawValue) && row.pointee.target == HandlerName.sigreturn.rawValue
  }
}

func appendHexadecimal(_ buffer: UnsafeMutableRawPointer, _ length: Int, _ value: UInt64) -> Int {
  var digits = 1
  while digits < 16, value >> UInt64(4 * digits) != 0 { digits += 1 }
  for index in 0..<digits {
    let digit = UInt8(truncatingIfNeeded: value >> UInt64(4 * (digits - 1 - index))) & 15
    buffer.storeBytes(of: digit < 10 ? 48 + digit : 87 + digit, toByteOffset: length + index, as: UInt8.self)
  }
  return length + digits
}

/// pinsyscalls(base, len, pins, npins): once, by a run-time linker, for libc.
func pinCalls(_ call: inout Call) -> Int {
  let process = call.process
  guard isOnlyThread(call) else { return call.error(EPERM) }
  if process.pointee.promised & PromiseState.pinningIsOver != 0 { return call.error(EPERM) }
  process.pointee.promised |= PromiseState.pinningIsOver
  let (base, length, count) = (call.address(0), call.unsigned(1), Int(call.int32(3)))
  let (end, wraps) = base.addingReportingOverflow(length)
  guard !wraps, base >= pageSize, end <= PageRange.userEnd else { return call.error(EINVAL) }
  guard count >= 1, count <= Pins.limit else { return call.error(E2BIG) }
  guard let memory = persona_allocate(4 * count) else { return call.error(ENOMEM) }
  guard call.copyIn(memory, call.address(2), 4 * count) else {
    persona_release(memory)
    return call.error(EFAULT)
  }
  let offsets = memory.bindMemory(to: UInt32.self, capacity: count)
  for index in 0..<count where offsets[index] != Pins.anywhere && UInt64(offsets[index]) > length {
    persona_release(memory)
    return call.error(ERANGE)
  }
  process.pins(Pins.library).pointee = persona_pins(
    start: base, end: end, count: UInt32(count), reserved: 0, offsets: offsets)
  process.pointee.promised |= PromiseState.pinned
  return 0
}

/// msyscall(addr, len): once, by a run-time linker; any call may be made from the range, and from the linker's own text.
func allowCalls(_ call: inout Call) -> Int {
  let process = call.process
  if process.pointee.promised & PromiseState.pinningIsOver != 0 { return call.error(EPERM) }
  guard let range = PageRange(call.address(0), call.unsigned(1)), range.isGuest else { return call.error(EINVAL) }
  process.pointee.promised |= PromiseState.pinningIsOver
  process.pins(Pins.library).pointee = persona_pins(
    start: range.start, end: range.end, count: Pins.anything, reserved: 0, offsets: nil)
  let program = process.pins(Pins.program)
  if program.pointee.end == 0 {
    let text = process.textOfLinker()
    program.pointee = persona_pins(
      start: text.start, end: text.end, count: Pins.anything, reserved: 0, offsets: nil)
  }
  process.pointee.promised |= PromiseState.pinned
  return 0
}

private func isOnlyThread(_ call: Call) -> Bool {
  let path: StaticString = "/proc/self/task"
  guard let status = call.scratch(144) else { return true }
  let result = call.hostNow(
    __NR_newfstatat, Int(AT_FDCWD), Int(bitPattern: path.utf8Start), status.word, 0)
  // st_nlink: itself, its parent, and a folder for each thread.
  return result < 0 || status.load(fromByteOffset: 16, as: UInt64.self) <= 3
}
