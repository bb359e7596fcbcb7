import CEngine
import CWire
import Wire

// System V shared memory, semaphores and messages: the structures of sys/ipc.h, sys/shm.h, sys/sem.h and
// sys/msg.h on amd64, against Linux's asm-generic/ipcbuf.h and its kin.

private let IPC_RMID = 0
private let IPC_SET = 1
private let IPC_STAT = 2

/// struct ipc_perm: cuid, cgid, uid, gid, mode (16 bits), seq (16 bits), key (64 bits).
private enum Permission {
  static let size = 32

  static func toForeign(_ native: UnsafeMutableRawPointer, _ foreign: UnsafeMutableRawPointer) {
    // Linux: key 0, uid 4, gid 8, cuid 12, cgid 16, mode 20, seq 24.
    foreign.put(native.get(at: 12, as: UInt32.self), at: 0)
    foreign.put(native.get(at: 16, as: UInt32.self), at: 4)
    foreign.put(native.get(at: 4, as: UInt32.self), at: 8)
    foreign.put(native.get(at: 8, as: UInt32.self), at: 12)
    foreign.put(UInt16(truncatingIfNeeded: native.get(at: 20, as: UInt32.self)), at: 16)
    foreign.put(native.get(at: 24, as: UInt16.self), at: 18)
    foreign.put(Int64(native.get(at: 0, as: Int32.self)), at: 24)
  }

  /// What IPC_SET takes: the owner and the mode.
  static func toNative(_ foreign: UnsafeMutableRawPointer, _ native: UnsafeMutableRawPointer) {
    native.put(foreign.get(at: 8, as: UInt32.self), at: 4)
    native.put(foreign.get(at: 12, as: UInt32.self), at: 8)
    native.put(UInt32(foreign.get(at: 16, as: UInt16.self)), at: 20)
  }
}

/// Both sides' structure for one kind of object, 128 bytes of room each.
private struct Description {
  let native: UnsafeMutableRawPointer
  let foreign: UnsafeMutableRawPointer

  init?(_ call: Call) {
    guard let native = call.scratch(128), let foreign = call.scratch(128) else { return nil }
    self.native = native
    self.foreign = foreign
    clear(native, 128)
    clear(foreign, 128)
  }

  /// Copies a 64-bit member.
  func copy(_ from: Int, _ to: Int) { foreign.put(native.get(at: from, as: UInt64.self), at: to) }
}

/// shmat(shmid, shmaddr, shmflg): SHM_RDONLY and SHM_RND are Linux's numbers.
func shmat(_ call: inout Call) -> Int {
  var address = call.address(1)
  if call[2] & Int(0x2000) != 0 { address &= ~(pageSize - 1) }
  if address != 0 {
    guard let range = PageRange(address, pageSize), range.isGuest else { return call.error(EINVAL) }
  }
  return call.hostNow(__NR_shmat, Int(call.int32(0)), Int(call.address(1)), Int(call.int32(2)))
}

/// IPC_STAT and IPC_SET of an object whose structure the table lays out; `number` is Linux's call, `command` its last
/// operand but one.
private func control(
  _ call: Call, _ number: Int32, _ structure: Int, _ first: Int, _ second: Int?, _ command: Int, _ address: UInt64
) -> Int {
  func ask(_ command: Int, _ memory: Int) -> Int {
    if let second { return call.hostNow(number, first, second, command, memory) }
    return call.hostNow(number, first, command, memory)
  }
  switch command {
  case IPC_RMID: return ask(IPC_RMID, 0)
  case IPC_SET:
    var failure = 0
    guard let native = call.structIn(structure, at: address, failure: &failure) else { return failure }
    return ask(IPC_SET, native.word)
  case IPC_STAT:
    guard let native = call.scratch(Int(call.table.structure(structure).pointee.native_size)) else {
      return call.error(ENOMEM)
    }
    let result = ask(IPC_STAT, native.word)
    return result < 0 ? result : call.structOut(structure, from: native, to: address)
  default: return call.error(EINVAL)
  }
}

/// shmctl(shmid, cmd, buf)
func shmctl(_ call: inout Call) -> Int {
  let command = Int(call.int32(1))
  if let structure = call.table.wellKnown(.shmid_ds) {
    return control(call, __NR_shmctl, structure, Int(call.int32(0)), nil, command, call.address(2))
  }
  guard let description = Description(call) else { return call.error(ENOMEM) }
  let size = 80
  switch command {
  case IPC_RMID: return call.hostNow(__NR_shmctl, Int(call.int32(0)), IPC_RMID, 0)
  case IPC_SET:
    guard call.copyIn(description.foreign, call.address(2), size) else { return call.error(EFAULT) }
    Permission.toNative(description.foreign, description.native)
    return call.hostNow(__NR_shmctl, Int(call.int32(0)), IPC_SET, description.native.word)
  case IPC_STAT:
    let result = call.hostNow(__NR_shmctl, Int(call.int32(0)), IPC_STAT, description.native.word)
    if result < 0 { return result }
    // Linux: shm_segsz 48, atime 56, dtime 64, ctime 72, cpid 80, lpid 84, nattch 88.
    Permission.toForeign(description.native, description.foreign)
    description.copy(48, 0x20)
    description.foreign.put(description.native.get(at: 84, as: Int32.self), at: 0x28)
    description.foreign.put(description.native.get(at: 80, as: Int32.self), at: 0x2c)
    description.foreign.put(Int32(truncatingIfNeeded: description.native.get(at: 88, as: Int64.self)), at: 0x30)
    description.copy(56, 0x38)
    description.copy(64, 0x40)
    description.copy(72, 0x48)
    return call.copyOut(call.address(2), description.foreign, size) ? 0 : call.error(EFAULT)
  default: return call.error(EINVAL)
  }
}

/// msgctl(msqid, cmd, buf)
func msgctl(_ call: inout Call) -> Int {
  let command = Int(call.int32(1))
  if let structure = call.table.wellKnown(.msqid_ds) {
    return control(call, __NR_msgctl, structure, Int(call.int32(0)), nil, command, call.address(2))
  }
  guard let description = Description(call) else { return call.error(ENOMEM) }
  let size = 104
  switch command {
  case IPC_RMID: return call.hostNow(__NR_msgctl, Int(call.int32(0)), IPC_RMID, 0)
  case IPC_SET:
    guard call.copyIn(description.foreign, call.address(2), size) else { return call.error(EFAULT) }
    Permission.toNative(description.foreign, description.native)
    description.native.put(description.foreign.get(at: 0x40, as: UInt64.self), at: 88)
    return call.hostNow(__NR_msgctl, Int(call.int32(0)), IPC_SET, description.native.word)
  case IPC_STAT:
    let result = call.hostNow(__NR_msgctl, Int(call.int32(0)), IPC_STAT, description.native.word)
    if result < 0 { return result }
    // Linux: stime 48, rtime 56, ctime 64, cbytes 72, qnum 80, qbytes 88, lspid 96, lrpid 100.
    Permission.toForeign(description.native, description.foreign)
    description.copy(72, 0x30)
    description.copy(80, 0x38)
    description.copy(88, 0x40)
    description.foreign.put(description.native.get(at: 96, as: Int32.self), at: 0x48)
    description.foreign.put(description.native.get(at: 100, as: Int32.self), at: 0x4c)
    description.copy(48, 0x50)
    description.copy(56, 0x58)
    description.copy(64, 0x60)
    return call.copyOut(call.address(2), description.foreign, size) ? 0 : call.error(EFAULT)
  default: return call.error(EINVAL)
  }
}

/// Linux's numbers of the semctl commands (linux/sem.h).
private enum SemaphoreCommand: Int {
  case remove = 0
  case set = 1
  case stat = 2
  case processID = 11
  case value = 12
  case allValues = 13
  case waitingForMore = 14
  case waitingForZero = 15
  case setValue = 16
  case setAllValues = 17
}

/// __semctl(semid, semnum, cmd, arg): cmd as Linux's; arg points to a union semun.
func semctl(_ call: inout Call) -> Int {
  let set = Int(call.int32(0))
  let number = Int(call.int32(1))
  guard let command = SemaphoreCommand(rawValue: call[2]) else { return call.error(EINVAL) }
  var argument: UInt64 = 0
  switch command {
  case .remove, .processID, .value, .waitingForMore, .waitingForZero:
    return call.hostNow(__NR_semctl, set, number, command.rawValue, 0)
  default: guard call.read(&argument, at: call.address(3)) else { return call.error(EFAULT) }
  }
  switch command {
  case .setValue:
    return call.hostNow(
      __NR_semctl, set, number, command.rawValue, Int(Int32(truncatingIfNeeded: argument)))
  case .allValues, .setAllValues:
    // An array of 16-bit values on both sides.
    return call.hostNow(__NR_semctl, set, number, command.rawValue, Int(truncatingIfNeeded: argument))
  default: break
  }
  if let structure = call.table.wellKnown(.semid_ds) {
    return control(call, __NR_semctl, structure, set, number, command == .set ? IPC_SET : IPC_STAT, argument)
  }
  guard let description = Description(call) else { return call.error(ENOMEM) }
  let size = 64
  if command == .set {
    guard call.copyIn(description.foreign, argument, size) else { return call.error(EFAULT) }
    Permission.toNative(description.foreign, description.native)
    return call.hostNow(__NR_semctl, set, number, IPC_SET, description.native.word)
  }
  let result = call.hostNow(__NR_semctl, set, number, IPC_STAT, description.native.word)
  if result < 0 { return result }
  // Linux on x86-64: otime 48, ctime 64, nsems 80.
  Permission.toForeign(description.native, description.foreign)
  description.foreign.put(UInt16(truncatingIfNeeded: description.native.get(at: 80, as: UInt64.self)), at: 0x28)
  description.copy(48, 0x30)
  description.copy(64, 0x38)
  return call.copyOut(argument, description.foreign, size) ? 0 : call.error(EFAULT)
}
