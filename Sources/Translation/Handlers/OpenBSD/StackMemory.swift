import CEngine
import CWire

// Stacks: a program that lists its system calls may make them with its stack pointer in the first thread's stack, in
// memory that was mapped with MAP_STACK, or on an alternate signal stack; elsewhere it gets SIGSEGV. Source:
// uvm_map_inentry() and uvm_map_remap_as_stack() of sys/uvm/uvm_map.c, mi_syscall() of sys/sys/syscall_mi.h.

/// Ranges that `persona_process.stacks` has room for, behind their number: pairs of a start and an end.
private let mostStacks = 1024
/// MAXSSIZ of sys/arch/amd64/include/vmparam.h: how far down the first stack reaches.
private let firstStack: UInt64 = 32 << 20

extension Call {
  private var stacks: UnsafeMutablePointer<UInt64>? { process.pointee.stacks?.assumingMemoryBound(to: UInt64.self) }

  /// Whether the stack pointer is where no stack is; then the call fails, unless the user lets it.
  func hasLostStack() -> Bool {
    let pointer = context[PERSONA_RSP]
    if process.pointee.stack_top &- pointer <= firstStack { return false }
    if let stacks {
      for index in 0..<Int(stacks[0]) where pointer >= stacks[1 + 2 * index] && pointer < stacks[2 + 2 * index] {
        return false
      }
    }
    guard let line = scratch(256) else { return false }
    var end = appendProgram(line)
    end = append(line, end, "sp=")
    end = appendHexadecimal(line, end, pointer)
    end = append(line, end, ": not MAP_STACK")
    if isLenient {
      warn(line, end)
      return false
    }
    tellTerminal(line, end)
    let thread = hostNow(__NR_gettid)
    _ = hostNow(__NR_tgkill, Int(process.pointee.pid), thread, 11 /* SIGSEGV */)
    return true
  }

  /// Keeps what is stack memory after a call that mapped or took it away.
  func followStacks(_ result: Int) {
    switch number {
    case 49, 197:  // mmap, pad_mmap
      let (start, length) = (UInt64(bitPattern: Int64(result)), words[1])
      if result < 0, result > -4096 { return }
      setStack(start, start &+ length, words[3] & 0x4000 != 0)  // MAP_STACK
    case 73 where result == 0: setStack(words[0], words[0] &+ words[1], false)  // munmap
    case 288 where result == 0 && words[0] != 0:  // sigaltstack: whole pages of it
      // struct sigaltstack: ss_sp, ss_size, ss_flags; SS_DISABLE is 4.
      guard let stack = scratch(24), copyIn(stack, words[0], 24), stack.load(fromByteOffset: 16, as: UInt32.self) & 4 == 0
      else { return }
      let start = stack.load(as: UInt64.self)
      let end = (start &+ stack.load(fromByteOffset: 8, as: UInt64.self)) & ~4095
      setStack((start &+ 4095) & ~4095, end, true)
    default: break
    }
  }

  /// A range becomes stack memory, or is none any more; ranges are cut where they overlap it.
  private func setStack(_ start: UInt64, _ end: UInt64, _ isStack: Bool) {
    guard end > start, isStack || stacks.map({ $0[0] != 0 }) == true else { return }
    if process.pointee.stacks == nil, let memory = persona_allocate(8 * (1 + 2 * mostStacks)) {
      memory.storeBytes(of: 0, as: UInt64.self)
      process.pointee.stacks = memory
    }
    guard let stacks else { return }
    persona_lock(&process.pointee.action_lock)
    defer { persona_unlock(&process.pointee.action_lock) }
    var index = 0
    while index < Int(stacks[0]) {
      let (low, high) = (stacks[1 + 2 * index], stacks[2 + 2 * index])
      guard low < end, high > start else {
        index += 1
        continue
      }
      remove(stacks, index)
      if low < start { add(stacks, low, start) }
      if high > end { add(stacks, end, high) }
      // What was added lies outside the range, so that the walk ends.
    }
    if isStack { add(stacks, start, end) }
  }

  private func remove(_ stacks: UnsafeMutablePointer<UInt64>, _ index: Int) {
    let last = Int(stacks[0]) - 1
    stacks[1 + 2 * index] = stacks[1 + 2 * last]
    stacks[2 + 2 * index] = stacks[2 + 2 * last]
    stacks[0] = UInt64(last)
  }

  private func add(_ stacks: UnsafeMutablePointer<UInt64>, _ start: UInt64, _ end: UInt64) {
    let count = Int(stacks[0])
    guard count < mostStacks else { return }
    stacks[1 + 2 * count] = start
    stacks[2 + 2 * count] = end
    stacks[0] = UInt64(count + 1)
  }
}
