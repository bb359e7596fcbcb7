import CEngine
import CWire

/// One foreign call in flight: what the guest asked, and the doors that translation may use.
///
/// Results follow Linux's convention: a value >= 0, or -errno with Linux's errno, which the engine turns
/// into the personality's own. `foreignError` answers with an errno that only the foreign OS has.
public struct Call {
  public let thread: UnsafeMutablePointer<persona_thread>
  public let table: Table
  public let row: UnsafePointer<persona_call>
  /// The call's number in the foreign table.
  public let number: Int
  /// Argument words as the guest passed them, in the order of the call's signature.
  public var words: InlineArray<8, UInt64>
  /// What goes to Linux, or to a handler: each operand of the row, converted. For a handler that names no
  /// operands these are all arguments in order; pointers stay guest addresses, structures unconverted.
  public var operands: InlineArray<8, Int>
  /// The second result register: of calls that answer a pair, and of forks, whose stubs tell by it who they are.
  public var second: Int?

  public init(
    thread: UnsafeMutablePointer<persona_thread>, table: Table, row: UnsafePointer<persona_call>,
    number: Int, words: InlineArray<8, UInt64>
  ) {
    self.thread = thread
    self.table = table
    self.row = row
    self.number = number
    self.words = words
    self.operands = InlineArray(repeating: 0)
  }

  /// The same with the words that lie in `context`'s registers.
  @inline(__always)
  public init(
    thread: UnsafeMutablePointer<persona_thread>, table: Table, row: UnsafePointer<persona_call>, number: Int,
    registers context: TrapContext
  ) {
    self.thread = thread
    self.table = table
    self.row = row
    self.number = number
    let registers = table.header.pointee.abi.arguments
    self.words = [
      context[number: registers.0], context[number: registers.1], context[number: registers.2],
      context[number: registers.3], context[number: registers.4], context[number: registers.5], 0, 0,
    ]
    self.operands = InlineArray(repeating: 0)
  }

  public var process: UnsafeMutablePointer<persona_process> { thread.pointee.process }

  // MARK: Operands, by position

  public subscript(_ index: Int) -> Int { operands[index] }
  public func unsigned(_ index: Int) -> UInt64 { UInt64(bitPattern: Int64(operands[index])) }
  /// Low 32 bits, signed: descriptors, pids, ints.
  public func int32(_ index: Int) -> Int32 { Int32(truncatingIfNeeded: operands[index]) }
  public func uint32(_ index: Int) -> UInt32 { UInt32(truncatingIfNeeded: operands[index]) }
  /// A guest address.
  public func address(_ index: Int) -> UInt64 { unsigned(index) }

  // MARK: Linux

  /// Calls Linux; a signal that arrives before the call has an effect makes it `PERSONA_RESTART`,
  /// which a handler returns as it is.
  public func host(
    _ number: Int32, _ a: Int = 0, _ b: Int = 0, _ c: Int = 0, _ d: Int = 0, _ e: Int = 0, _ f: Int = 0
  ) -> Int {
    let result = Int(
      persona_interruptible(
        thread, Int64(number), UInt64(bitPattern: Int64(a)), UInt64(bitPattern: Int64(b)),
        UInt64(bitPattern: Int64(c)), UInt64(bitPattern: Int64(d)), UInt64(bitPattern: Int64(e)),
        UInt64(bitPattern: Int64(f))))
    thread.note(number, a, b, c, d, e, f, result: result)
    return result
  }

  /// Calls Linux where the call does not wait, or must not be given up half-way.
  public func hostNow(
    _ number: Int32, _ a: Int = 0, _ b: Int = 0, _ c: Int = 0, _ d: Int = 0, _ e: Int = 0, _ f: Int = 0
  ) -> Int {
    let result = Int(
      persona_syscall(
        Int64(number), UInt64(bitPattern: Int64(a)), UInt64(bitPattern: Int64(b)),
        UInt64(bitPattern: Int64(c)), UInt64(bitPattern: Int64(d)), UInt64(bitPattern: Int64(e)),
        UInt64(bitPattern: Int64(f))))
    thread.note(number, a, b, c, d, e, f, result: result)
    return result
  }

  /// Reads one of Linux's clocks, seconds and nanoseconds: 0 or -errno.
  public func hostClock(_ clock: Int, _ time: UnsafeMutablePointer<UInt64>) -> Int {
    let result = Int(persona_clock(Int32(truncatingIfNeeded: clock), time))
    thread.note(__NR_clock_gettime, clock, Int(bitPattern: time), result: result)
    return result
  }

  // MARK: Errors

  /// -errno of Linux.
  public func error(_ errno: Int32) -> Int { -Int(errno) }
  /// An errno that only the foreign OS has, or that must not pass through the errno map.
  public func foreignError(_ errno: Int) -> Int { Int(PERSONA_FOREIGN_ERROR) - errno }

  /// The foreign errno that a result stands for; nil when the call succeeded.
  public func errno(of result: Int) -> Int? {
    if result >= 0 || result < Int(PERSONA_FOREIGN_ERROR) - 4096 { return nil }
    if result <= Int(PERSONA_FOREIGN_ERROR) { return Int(PERSONA_FOREIGN_ERROR) - result }
    if result >= -4095 { return table.foreignErrno(-result) }
    return nil
  }

  // MARK: Guest memory

  /// Reads a value from guest memory; false is EFAULT.
  public func read<T: BitwiseCopyable>(_ value: inout T, at address: UInt64) -> Bool {
    withUnsafeMutableBytes(of: &value) {
      persona_copy_in($0.baseAddress!, address, $0.count) == 0
    }
  }

  /// Writes a value to guest memory; false is EFAULT.
  public func write<T: BitwiseCopyable>(_ value: T, at address: UInt64) -> Bool {
    var value = value
    return withUnsafeBytes(of: &value) {
      persona_copy_out(address, $0.baseAddress!, $0.count) == 0
    }
  }

  public func copyIn(_ destination: UnsafeMutableRawPointer, _ source: UInt64, _ count: Int) -> Bool {
    persona_copy_in(destination, source, count) == 0
  }

  public func copyOut(_ destination: UInt64, _ source: UnsafeRawPointer, _ count: Int) -> Bool {
    persona_copy_out(destination, source, count) == 0
  }

  /// Engine memory that lives until this call ends, 16-byte aligned, not zeroed; nil when `bytes` is more
  /// than is left of PERSONA_SCRATCH_BYTES (answer ENOMEM or work in pieces).
  public func scratch(_ bytes: Int) -> UnsafeMutableRawPointer? { takeScratch(thread, bytes) }
}

/// The same for who has no call.
@inline(__always)
public func takeScratch(_ thread: UnsafeMutablePointer<persona_thread>, _ bytes: Int) -> UnsafeMutableRawPointer? {
  let rounded = UInt64((bytes + 15) & ~15)
  guard bytes >= 0, thread.pointee.scratch_used + rounded <= UInt64(PERSONA_SCRATCH_BYTES) - 4096 else { return nil }
  let offset = Int(thread.pointee.scratch_used)
  thread.pointee.scratch_used += rounded
  return UnsafeMutableRawPointer(thread) + MemoryLayout<persona_thread>.stride + offset
}

extension Call {
  /// What the end of a thread answers at once when a signal came before it: the handler runs, and then the call is made
  /// again. Nil otherwise; signals are blocked from then on.
  func awaitsHandler() -> Int? {
    if persona_block_for_end(thread) != 0 { return nil }
    context[PERSONA_RIP] -= UInt64(thread.pointee.trap_length)
    return Int(PERSONA_JUMP)
  }
}

extension UnsafeMutableRawPointer {
  /// The address as a Linux argument.
  public var word: Int { Int(bitPattern: self) }
}

extension UnsafeMutablePointer<persona_thread> {
  /// Keeps a Linux call of the current foreign call for the log.
  public func note(
    _ number: Int32, _ a: Int = 0, _ b: Int = 0, _ c: Int = 0, _ d: Int = 0, _ e: Int = 0, _ f: Int = 0,
    result: Int
  ) {
    guard pointee.recording != 0, pointee.native_count < UInt32(PERSONA_LOG_NATIVE_LIMIT) else { return }
    let slot = Int(pointee.native_count)
    pointee.native_count += 1
    withUnsafeMutablePointer(to: &pointee.natives) {
      $0.withMemoryRebound(to: persona_log_native.self, capacity: Int(PERSONA_LOG_NATIVE_LIMIT)) {
        $0[slot].number = UInt32(bitPattern: number)
        $0[slot].arguments = (
          UInt64(bitPattern: Int64(a)), UInt64(bitPattern: Int64(b)), UInt64(bitPattern: Int64(c)),
          UInt64(bitPattern: Int64(d)), UInt64(bitPattern: Int64(e)), UInt64(bitPattern: Int64(f))
        )
        $0[slot].result = Int64(result)
      }
    }
  }
}
