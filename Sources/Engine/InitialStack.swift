import CEngine
import CWire
import Translation

/// Linux's own initial stack: argument and environment pointers, auxiliary vector.
struct LinuxStack {
  let argc: Int
  let argv: UnsafeMutablePointer<UInt64>
  private(set) var envc: Int
  let envv: UnsafeMutablePointer<UInt64>
  let auxv: UnsafeMutablePointer<UInt64>

  init(_ stack: UnsafeMutablePointer<UInt64>) {
    argc = Int(stack[0])
    argv = stack + 1
    envv = argv + argc + 1
    var count = 0
    while envv[count] != 0 { count += 1 }
    envc = count
    auxv = envv + count + 1
  }

  /// Where the stack ends: behind the name of what was executed, its last string (create_elf_tables of fs/binfmt_elf.c).
  var top: UInt64 {
    let last = auxiliary(31 /* AT_EXECFN */) ?? UInt64(UInt(bitPattern: auxv))
    return (last + 4096) & ~4095
  }

  /// Takes what the program before handed on (`executeKnown`): then it has executed the engine by its path in /proc, and the
  /// environment has a string more, which ends where the name of what was executed begins (create_elf_tables of
  /// fs/binfmt_elf.c). All others name a descriptor, /dev/fd/N.
  mutating func takeHandedOn() -> UnsafeMutablePointer<persona_start>? {
    let name = auxiliary(31 /* AT_EXECFN */).flatMap { UnsafePointer<CChar>(bitPattern: UInt($0)) }
    guard envc > 0, let name, name[0] == 47, name[1] == 112, let text = UnsafeMutablePointer<CChar>(bitPattern: UInt(envv[envc - 1]))
    else { return nil }
    let count = name - UnsafePointer(text) - 1
    let head = MemoryLayout<persona_start>.size - Int(PERSONA_PLAN_ROOM)
    guard count > head, count % 8 == 1, text[count] == 0, let memory = persona_allocate_forever(count) else { return nil }
    envc -= 1
    envv[envc] = 0
    persona_show_zeros(text, UInt32(count - 1), memory)
    let start = memory.assumingMemoryBound(to: persona_start.self)
    return Int(persona_start_bytes(start)) == count - 1 ? start : nil
  }

  func auxiliary(_ type: UInt64) -> UInt64? {
    var entry = auxv
    while entry[0] != 0 {
      if entry[0] == type { return entry[1] }
      entry += 2
    }
    return nil
  }
}

/// Lays argc, argv, envv and the auxiliary vector out below Linux's own, whose strings stay where they
/// are; answers the address of argc, and `programStrings` receives that of struct ps_strings.
func buildStack(
  _ linux: LinuxStack, _ plan: UnsafeRawPointer, _ process: UnsafeMutablePointer<persona_process>,
  _ programStrings: inout UInt64
) -> UInt64 {
  let head = plan.assumingMemoryBound(to: persona_plan.self)
  let auxv = (plan + Int(head.pointee.auxv)).assumingMemoryBound(to: persona_auxv.self)
  let vectorWords = 1 + linux.argc + 1 + linux.envc + 1 + 2 * (Int(head.pointee.auxv_count) + 1)
  var data = UInt64(UInt(bitPattern: linux.argv - 1)) & ~15

  // struct ps_strings of the BSDs (sys/exec.h): where argv and envv are.
  data -= 32
  programStrings = data
  let strings = UnsafeMutablePointer<UInt64>(bitPattern: UInt(data))!
  if process.pointee.table.pointee.abi.entry_form == UInt8(PERSONA_ENTRY_TOS.rawValue) {
    programStrings = placeTos(process, &data)
  }
  var addresses = InlineArray<64, UInt64>(repeating: 0)
  for index in 0..<min(Int(head.pointee.auxv_count), 64) {
    addresses[index] = place(auxv[index], plan, &data)
  }
  data = (data - UInt64(8 * vectorWords)) & ~15
  let vector = UnsafeMutablePointer<UInt64>(bitPattern: UInt(data))!
  vector[0] = UInt64(linux.argc)
  let argv = vector + 1
  for index in 0...linux.argc { argv[index] = linux.argv[index] }
  let envv = argv + linux.argc + 1
  for index in 0...linux.envc { envv[index] = linux.envv[index] }
  strings[0] = UInt64(UInt(bitPattern: argv))
  strings[1] = UInt64(linux.argc)
  strings[2] = UInt64(UInt(bitPattern: envv))
  strings[3] = UInt64(linux.envc)

  var entry = envv + linux.envc + 1
  for index in 0..<min(Int(head.pointee.auxv_count), 64) {
    let item = auxv[index]
    let value: UInt64?
    switch item.source {
    case PERSONA_AUXV_LITERAL.rawValue: value = item.value
    case PERSONA_AUXV_LINUX.rawValue: value = linux.auxiliary(item.value)
    case PERSONA_AUXV_ARGC.rawValue: value = UInt64(linux.argc)
    case PERSONA_AUXV_ARGV.rawValue: value = UInt64(UInt(bitPattern: argv))
    case PERSONA_AUXV_ENVC.rawValue: value = UInt64(linux.envc)
    case PERSONA_AUXV_ENVV.rawValue: value = UInt64(UInt(bitPattern: envv))
    case PERSONA_AUXV_PS_STRINGS.rawValue: value = UInt64(UInt(bitPattern: strings))
    case PERSONA_AUXV_STACK_BASE.rawValue: value = process.pointee.stack_top
    case PERSONA_AUXV_STACK_LIMIT.rawValue: value = stackLimit()
    case PERSONA_AUXV_NCPUS.rawValue: value = onlineCPUs()
    default: value = addresses[index]
    }
    guard let value else { continue }
    entry[0] = UInt64(item.type)
    entry[1] = value
    entry += 2
  }
  entry[0] = 0
  entry[1] = 0
  return data
}

/// Puts what an auxiliary entry points to on the stack and answers its address; 0 for plain values.
private func place(_ item: persona_auxv, _ plan: UnsafeRawPointer, _ data: inout UInt64) -> UInt64 {
  switch item.source {
  case PERSONA_AUXV_STRING.rawValue:
    let text = (plan + Int(item.value)).assumingMemoryBound(to: UInt8.self)
    var length = 0
    while text[length] != 0 { length += 1 }
    data -= UInt64(length + 1)
    UnsafeMutableRawPointer(bitPattern: UInt(data))!.copyMemory(from: text, byteCount: length + 1)
    let address = data
    data &= ~15
    return address
  case PERSONA_AUXV_RANDOM.rawValue:
    data = (data - item.value) & ~15
    _ = persona_syscall(Int64(__NR_getrandom), data, item.value, 0, 0, 0, 0)
    return data
  case PERSONA_AUXV_PAGESIZES.rawValue:
    data = (data - 8 * item.value) & ~15
    let sizes = UnsafeMutablePointer<UInt64>(bitPattern: UInt(data))!
    for index in 0..<Int(item.value) { sizes[index] = index == 0 ? 4096 : index == 1 ? 2 << 20 : 0 }
    return data
  default: return 0
  }
}

private func stackLimit() -> UInt64 {
  var limit: (UInt64, UInt64) = (0, 0)
  _ = withUnsafeMutablePointer(to: &limit) {
    persona_syscall(Int64(__NR_getrlimit), 3 /* RLIMIT_STACK */, UInt64(UInt(bitPattern: $0)), 0, 0, 0, 0)
  }
  return min(limit.0, 512 << 20)
}

private func onlineCPUs() -> UInt64 {
  var mask = InlineArray<128, UInt64>(repeating: 0)
  let length = withUnsafeMutablePointer(to: &mask) {
    persona_syscall(Int64(__NR_sched_getaffinity), 0, 1024, UInt64(UInt(bitPattern: $0)), 0, 0, 0)
  }
  var count = 0
  for index in 0..<max(0, Int(length) / 8) { count += mask[index].nonzeroBitCount }
  return UInt64(max(1, count))
}
