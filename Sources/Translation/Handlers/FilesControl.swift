import CEngine
import CWire
import Wire

// ioctl(2) through the table's requests.

/// ioctl(fd, com, data)
func ioctl(_ call: inout Call) -> Int {
  guard let request = call.table.request(UInt64(call.uint32(1))) else { return notThere(call) }
  switch UInt32(request.pointee.kind) {
  case PERSONA_CALL_HANDLER.rawValue:
    guard let name = HandlerName(rawValue: request.pointee.target) else { return notThere(call) }
    return dispatch(name, &call)
  case PERSONA_CALL_TRANSLATE.rawValue: return transfer(call, request)
  default:
    let failure = notThere(call)
    return failure == call.error(ENOTTY) ? call.foreignError(Int(request.pointee.error)) : failure
  }
}

/// The answer to a request that nobody here knows: a bad descriptor is told first.
private func notThere(_ call: Call) -> Int {
  let result = call.hostNow(__NR_fcntl, call[0], Int(F_GETFD))
  return result < 0 ? result : call.error(ENOTTY)
}

/// Linux's request with the argument converted as the table says.
private func transfer(_ call: Call, _ request: UnsafePointer<persona_request>) -> Int {
  let native = Int(truncatingIfNeeded: request.pointee.native)
  let parameter = Int(request.pointee.parameter)
  switch UInt32(request.pointee.conversion) {
  case PERSONA_CONVERT_STRUCT.rawValue where call.table.structure(parameter).pointee.identical == 0:
    return transferStructure(call, request, parameter, native)
  case PERSONA_CONVERT_FLAGS.rawValue, PERSONA_CONVERT_ENUM.rawValue, PERSONA_CONVERT_SIGNAL.rawValue:
    return transferValue(call, request, parameter, native)
  default: return call.host(__NR_ioctl, call[0], native, call[2])
  }
}

private func transferStructure(
  _ call: Call, _ request: UnsafePointer<persona_request>, _ structure: Int, _ native: Int
) -> Int {
  let memory: UnsafeMutableRawPointer
  if request.pointee.direction & UInt8(PERSONA_IN.rawValue) != 0 {
    var failure = 0
    guard let read = call.structIn(structure, at: call.address(2), failure: &failure) else { return failure }
    memory = read
  } else {
    guard let room = call.scratch(Int(call.table.structure(structure).pointee.native_size)) else {
      return call.error(ENOMEM)
    }
    memory = room
  }
  let result = call.host(__NR_ioctl, call[0], native, memory.word)
  if result < 0 || request.pointee.direction & UInt8(PERSONA_OUT.rawValue) == 0 { return result }
  let failure = call.structOut(structure, from: memory, to: call.address(2))
  return failure != 0 ? failure : result
}

private func transferValue(
  _ call: Call, _ request: UnsafePointer<persona_request>, _ map: Int, _ native: Int
) -> Int {
  guard let memory = call.scratch(4) else { return call.error(ENOMEM) }
  memory.storeBytes(of: 0, as: UInt32.self)
  if request.pointee.direction & UInt8(PERSONA_IN.rawValue) != 0 {
    guard call.copyIn(memory, call.address(2), 4) else { return call.error(EFAULT) }
    switch call.table.convert(UInt32(request.pointee.conversion), map, UInt64(memory.load(as: UInt32.self))) {
    case .refused(let errno): return call.foreignError(errno)
    case .value(let value): memory.storeBytes(of: UInt32(truncatingIfNeeded: value), as: UInt32.self)
    }
  }
  let result = call.host(__NR_ioctl, call[0], native, memory.word)
  if result < 0 || request.pointee.direction & UInt8(PERSONA_OUT.rawValue) == 0 { return result }
  let told = UInt64(memory.load(as: UInt32.self))
  let foreign =
    request.pointee.conversion == UInt8(PERSONA_CONVERT_SIGNAL.rawValue)
    ? UInt64(call.table.foreignSignal(Int(told))) : call.table.toForeign(map, told) ?? told
  return call.write(UInt32(truncatingIfNeeded: foreign), at: call.address(2)) ? result : call.error(EFAULT)
}

// MARK: - Requests on any descriptor

/// FIOCLEX
func ioctlCloseOnExec(_ call: inout Call) -> Int {
  call.hostNow(__NR_fcntl, call[0], Int(F_SETFD), Int(FD_CLOEXEC))
}

/// FIONCLEX
func ioctlKeepOnExec(_ call: inout Call) -> Int { call.hostNow(__NR_fcntl, call[0], Int(F_SETFD), 0) }

// MARK: - Requests on files

/// FIOSEEKDATA: the next data from an offset on; the descriptor's own offset stays.
func ioctlSeekData(_ call: inout Call) -> Int { seek(call, 3) }  // SEEK_DATA

/// FIOSEEKHOLE: the same for a hole.
func ioctlSeekHole(_ call: inout Call) -> Int { seek(call, 4) }  // SEEK_HOLE

private func seek(_ call: Call, _ whence: Int) -> Int {
  var offset: Int64 = 0
  guard call.read(&offset, at: call.address(2)) else { return call.error(EFAULT) }
  let present = call.hostNow(__NR_lseek, call[0], 0, 1)
  if present < 0 { return present == call.error(ESPIPE) ? call.error(ENOTTY) : present }
  let found = call.hostNow(__NR_lseek, call[0], Int(offset), whence)
  _ = call.hostNow(__NR_lseek, call[0], present, 0)
  if found < 0 { return found }
  return call.write(Int64(found), at: call.address(2)) ? 0 : call.error(EFAULT)
}
