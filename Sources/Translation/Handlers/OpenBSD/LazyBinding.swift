import CEngine
import CWire

// kbind(2): a run-time linker writes addresses into memory that it has made read-only, with one call.
// Source: sys_kbind() of sys/uvm/uvm_mmap.c, sys/sys/proc.h.

private enum Binding {
  /// sizeof(struct __kbind), KBIND_BLOCK_MAX and KBIND_DATA_MAX.
  static let block = 16
  static let mostBlocks = 2
  static let mostData = 24
  /// BOGO_PC: nobody binds any more.
  static let isOver = UInt64.max
}

/// kbind(param, psize, proc_cookie): the first caller's place and cookie are the only ones from then on.
func bindLazily(_ call: inout Call) -> Int {
  let process = call.process
  let place = call.context[PERSONA_RIP]
  if call.words[0] == 0 {
    process.pointee.promised |= PromiseState.bindingIsOver
    if process.pointee.bind_place == 0 { process.pointee.bind_place = Binding.isOver }
    guard process.pointee.bind_place == Binding.isOver else { return refuse(call) }
    return 0
  }
  if process.pointee.bind_place == 0 {
    process.pointee.bind_place = place
    process.pointee.bind_cookie = call.words[2]
  } else if place != process.pointee.bind_place || process.pointee.bind_place == Binding.isOver
    || call.words[2] != process.pointee.bind_cookie
  {
    return refuse(call)
  }
  return bind(call, Int(truncatingIfNeeded: call.words[1]))
}

private func refuse(_ call: Call) -> Int {
  call.endProcess(byForeignSignal: 4)
  return call.error(EPERM)
}

/// Carries out the blocks: address and size of each, then the new bytes of all.
private func bind(_ call: Call, _ size: Int) -> Int {
  let most = Binding.mostBlocks * Binding.block + Binding.mostData
  guard size >= Binding.block, size <= most, let memory = call.scratch(most) else { return call.error(EINVAL) }
  guard call.copyIn(memory, call.words[0], size) else { return call.error(EFAULT) }
  var rest = size
  var count = 0
  while rest > 0, count < Binding.mostBlocks {
    guard rest >= Binding.block else { return call.error(EINVAL) }
    rest -= Binding.block
    let address = memory.load(fromByteOffset: Binding.block * count, as: UInt64.self)
    let length = memory.load(fromByteOffset: Binding.block * count + 8, as: UInt64.self)
    guard address != 0, length != 0, length <= UInt64(Binding.mostData), UInt64(rest) >= length,
      let range = PageRange(address, length), range.isGuest
    else { return call.error(EINVAL) }
    rest -= Int(length)
    count += 1
  }
  guard rest == 0 else { return call.error(EINVAL) }
  var data = memory + Binding.block * count
  for block in 0..<count {
    let address = memory.load(fromByteOffset: Binding.block * block, as: UInt64.self)
    let length = Int(memory.load(fromByteOffset: Binding.block * block + 8, as: UInt64.self))
    let result = call.overwrite(address, data, length)
    if result < 0 { return result }
    data += length
  }
  return 0
}

extension Call {
  /// Writes memory of the guest whatever its protection, as uvm_map_extract lets the kernel do.
  fileprivate func overwrite(_ address: UInt64, _ bytes: UnsafeRawPointer, _ count: Int) -> Int {
    if copyOut(address, bytes, count) { return 0 }
    let path: StaticString = "/proc/self/mem"
    let file = hostNow(
      __NR_openat, Int(AT_FDCWD), Int(bitPattern: path.utf8Start), Int(O_WRONLY | O_CLOEXEC))
    if file < 0 { return file }
    let written = hostNow(
      __NR_pwrite64, file, Int(bitPattern: bytes), count, Int(truncatingIfNeeded: address))
    _ = hostNow(__NR_close, file)
    return written == count ? 0 : error(EFAULT)
  }
}
