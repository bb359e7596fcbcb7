import CEngine
import CWire
import Translation

// Linux's clocks without a kernel entry: its shared object's __vdso_clock_gettime (vdso(7)). Where that cannot answer by
// itself it makes the system call, which traps as any outside the engine does and is made in its stead.

/// Where the shared object lies, its bytes, and its function; 0 without.
nonisolated(unsafe) private var vdsoStart: UInt64 = 0
nonisolated(unsafe) private var vdsoLength: UInt64 = 0
nonisolated(unsafe) private var vdsoClock: UInt64 = 0

/// Finds the function by the address in AT_SYSINFO_EHDR, or where the program before found it.
func findClock(_ image: UInt64?, _ start: UnsafePointer<persona_start>) {
  if let image, start.pointee.vdso_clock != 0 {
    (vdsoStart, vdsoLength, vdsoClock) = (image, UInt64(start.pointee.vdso_bytes), image &+ start.pointee.vdso_clock)
    return
  }
  guard let image, let base = UnsafeRawPointer(bitPattern: UInt(image)) else { return }
  let headers = base + Int(base.load(fromByteOffset: 32, as: UInt64.self))  // e_phoff
  var slide: UInt64?
  var dynamic: UnsafeRawPointer?
  for index in 0..<Int(base.load(fromByteOffset: 56, as: UInt16.self)) {  // e_phnum
    let header = headers + 56 * index
    let offset = header.load(fromByteOffset: 8, as: UInt64.self)
    switch header.load(as: UInt32.self) {
    case 1 where slide == nil:  // PT_LOAD
      slide = image &+ offset &- header.load(fromByteOffset: 16, as: UInt64.self)
      vdsoLength = header.load(fromByteOffset: 40, as: UInt64.self)
    case 2: dynamic = base + Int(offset)  // PT_DYNAMIC
    default: break
    }
  }
  guard let slide, let dynamic else { return }
  vdsoStart = image
  vdsoClock = symbol("__vdso_clock_gettime", dynamic, slide)
}

/// Tells the next program where the function is.
func handOnClock(_ start: UnsafeMutablePointer<persona_start>) {
  guard vdsoClock != 0 else { return }
  (start.pointee.vdso_bytes, start.pointee.vdso_clock) = (UInt32(truncatingIfNeeded: vdsoLength), vdsoClock &- vdsoStart)
}

/// The symbol's address by the object's DT_HASH, DT_SYMTAB and DT_STRTAB; 0 if it has none.
private func symbol(_ name: StaticString, _ dynamic: UnsafeRawPointer, _ slide: UInt64) -> UInt64 {
  var (hash, symbols, strings): (UInt64, UInt64, UInt64) = (0, 0, 0)
  var entry = dynamic
  while entry.load(as: UInt64.self) != 0 {
    let value = entry.load(fromByteOffset: 8, as: UInt64.self)
    switch entry.load(as: UInt64.self) {
    case 4: hash = slide &+ value
    case 5: strings = slide &+ value
    case 6: symbols = slide &+ value
    default: break
    }
    entry += 16
  }
  guard let hash = UnsafeRawPointer(bitPattern: UInt(hash)),
    let symbols = UnsafeRawPointer(bitPattern: UInt(symbols)),
    let strings = UnsafeRawPointer(bitPattern: UInt(strings))
  else { return 0 }
  for index in 0..<Int(hash.load(fromByteOffset: 4, as: UInt32.self)) {  // nchain
    let item = symbols + 24 * index
    let text = strings + Int(item.load(as: UInt32.self))
    var length = 0
    while length < name.utf8CodeUnitCount, text.load(fromByteOffset: length, as: UInt8.self) == name.utf8Start[length] {
      length += 1
    }
    if length == name.utf8CodeUnitCount, text.load(fromByteOffset: length, as: UInt8.self) == 0 {
      return slide &+ item.load(fromByteOffset: 8, as: UInt64.self)
    }
  }
  return 0
}

/// clock_gettime(2) into engine memory.
@c(persona_clock)
public func readClock(_ clock: Int32, _ time: UnsafeMutablePointer<UInt64>?) -> Int64 {
  // CLOCK_REALTIME, _MONOTONIC, their coarse kinds, _BOOTTIME and _TAI; the others are the kernel's alone.
  if vdsoClock != 0, clock >= 0, clock <= 11, 0b1000_1110_0011 >> UInt32(clock) & 1 != 0 {
    let function = unsafeBitCast(
      UInt(vdsoClock), to: (@convention(c) (Int32, UnsafeMutablePointer<UInt64>?) -> Int32).self)
    return Int64(function(clock, time))
  }
  return persona_syscall(
    Int64(__NR_clock_gettime), UInt64(bitPattern: Int64(clock)), UInt64(UInt(bitPattern: time)), 0, 0, 0, 0)
}

/// Has the shared object read one of its clocks; false where there is none.
@inline(__always)
func readSharedClock(_ clock: Int32, _ time: UnsafeMutableRawPointer) -> Bool {
  guard vdsoClock != 0 else { return false }
  let function = unsafeBitCast(UInt(vdsoClock), to: (@convention(c) (Int32, UnsafeMutableRawPointer?) -> Int32).self)
  return function(clock, time) == 0
}

func isVdso(_ rip: UInt64) -> Bool { rip &- vdsoStart < vdsoLength }

/// A call that the shared object makes is Linux's own.
func isOwnCall(_ context: TrapContext) -> Bool {
  guard isVdso(context[PERSONA_RIP]) else { return false }
  context[PERSONA_RAX] = UInt64(
    bitPattern: persona_syscall(
      Int64(bitPattern: context[PERSONA_RAX]), context[PERSONA_RDI], context[PERSONA_RSI], context[PERSONA_RDX],
      context[PERSONA_R10], context[PERSONA_R8], context[PERSONA_R9]))
  return true
}
