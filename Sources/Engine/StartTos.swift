import CEngine
import CWire

/// Puts the top-of-stack structure, struct Tos (tos.h; longs are 4 bytes on amd64) above the arguments and answers
/// its address: profiling data, three clocks, the process id at 64.
func placeTos(_ process: UnsafeMutablePointer<persona_process>, _ data: inout UInt64) -> UInt64 {
  let size = 88
  data = (data - UInt64(size)) & ~15
  let tos = UnsafeMutableRawPointer(bitPattern: UInt(data))!
  tos.initializeMemory(as: UInt8.self, repeating: 0, count: size)
  tos.storeBytes(of: process.pointee.pid, toByteOffset: 64, as: Int32.self)
  return data
}
