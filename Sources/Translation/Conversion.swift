import CEngine
import CWire
import Wire

/// A converted value, or the foreign errno that refuses it.
public enum Converted {
  case value(UInt64)
  case refused(foreignErrno: Int)
}

extension Table {
  /// The map or structure that handlers know by this name; nil when the personality has none.
  public func wellKnown(_ name: WellKnown) -> Int? {
    let pool = header.pointee.well_known
    guard Int(name.rawValue) < Int(pool.count) else { return nil }
    let index = (base + Int(pool.offset)).load(fromByteOffset: 2 * Int(name.rawValue), as: UInt16.self)
    return index == UInt16.max ? nil : Int(index)
  }

  // MARK: Flags and enumerations

  /// A foreign flag word or enumerated value as Linux counts it.
  public func toNative(_ index: Int, _ value: UInt64) -> Converted {
    let map = map(index)
    return map.pointee.kind == UInt16(PERSONA_MAP_FLAGS.rawValue)
      ? flagsToNative(map, value) : enumToNative(map, value)
  }

  private func flagsToNative(_ map: UnsafePointer<persona_map>, _ value: UInt64) -> Converted {
    if value & ~map.pointee.identity == 0 { return .value(value) }
    var native = value & map.pointee.identity
    let rest = value & ~map.pointee.identity
    if rest & ~map.pointee.foreign_known != 0 {
      return .refused(foreignErrno: Int(map.pointee.unknown_errno))
    }
    for position in 0..<Int(map.pointee.count) {
      let entry = mapEntry(map, position)
      guard value & entry.pointee.foreign_mask == entry.pointee.foreign else { continue }
      switch UInt32(entry.pointee.action) {
      case PERSONA_MAP_BOTH.rawValue, PERSONA_MAP_TO_NATIVE.rawValue: native |= entry.pointee.native
      case PERSONA_MAP_REJECT.rawValue: return .refused(foreignErrno: Int(entry.pointee.error))
      default: break
      }
    }
    return .value(native)
  }

  private func enumToNative(_ map: UnsafePointer<persona_map>, _ value: UInt64) -> Converted {
    for position in 0..<Int(map.pointee.count) {
      let entry = mapEntry(map, position)
      guard entry.pointee.foreign == value else { continue }
      switch UInt32(entry.pointee.action) {
      case PERSONA_MAP_BOTH.rawValue, PERSONA_MAP_TO_NATIVE.rawValue: return .value(entry.pointee.native)
      case PERSONA_MAP_REJECT.rawValue: return .refused(foreignErrno: Int(entry.pointee.error))
      default: continue
      }
    }
    // `else pass`
    if map.pointee.unknown_errno == 0 { return .value(value) }
    return .refused(foreignErrno: Int(map.pointee.unknown_errno))
  }

  /// A Linux flag word or enumerated value as the personality counts it; bits and values that it does not
  /// have are dropped (flags) or nil (enumerations).
  public func toForeign(_ index: Int, _ value: UInt64) -> UInt64? {
    let map = map(index)
    let isFlags = map.pointee.kind == UInt16(PERSONA_MAP_FLAGS.rawValue)
    var foreign = isFlags ? value & map.pointee.identity : 0
    for position in 0..<Int(map.pointee.count) {
      let entry = mapEntry(map, position)
      let action = UInt32(entry.pointee.action)
      guard action == PERSONA_MAP_BOTH.rawValue || action == PERSONA_MAP_TO_FOREIGN.rawValue else { continue }
      if isFlags {
        if value & entry.pointee.native_mask == entry.pointee.native { foreign |= entry.pointee.foreign }
      } else if entry.pointee.native == value {
        return entry.pointee.foreign
      }
    }
    return isFlags ? foreign : nil
  }

  // MARK: Structures

  /// Converts a foreign structure at `source` into Linux's at `destination`; the errno of the first field
  /// that the map of its type refuses, or nil.
  public func structToNative(
    _ index: Int, from source: UnsafeRawPointer, to destination: UnsafeMutableRawPointer
  ) -> Int? {
    let structure = structure(index)
    if structure.pointee.identical != 0 {
      destination.copyMemory(from: source, byteCount: Int(structure.pointee.native_size))
      return nil
    }
    clear(destination, Int(structure.pointee.native_size))
    for position in 0..<Int(structure.pointee.count) {
      let field = field(structure, position)
      guard field.pointee.native_width > 0, field.pointee.foreign_width > 0 else { continue }
      let from = source + Int(field.pointee.foreign_offset)
      let to = destination + Int(field.pointee.native_offset)
      if copied(field, from, to) { continue }
      guard isInteger(field.pointee.foreign_width), isInteger(field.pointee.native_width) else {
        copyBytes(from, to, min(Int(field.pointee.foreign_width), Int(field.pointee.native_width)))
        continue
      }
      var value = load(from, field.pointee.foreign_width, signed: field.pointee.is_signed != 0)
      switch convert(UInt32(field.pointee.conversion), Int(field.pointee.parameter), value) {
      case .value(let converted): value = converted
      case .refused(let errno): return errno
      }
      store(value, to, field.pointee.native_width)
    }
    return nil
  }

  /// Converts Linux's structure at `source` into the foreign one at `destination`.
  public func structToForeign(
    _ index: Int, from source: UnsafeRawPointer, to destination: UnsafeMutableRawPointer
  ) {
    let structure = structure(index)
    if structure.pointee.identical != 0 {
      destination.copyMemory(from: source, byteCount: Int(structure.pointee.foreign_size))
      return
    }
    if structure.pointee.step_count > 0 {
      follow(structure, from: source, to: destination)
      return
    }
    clear(destination, Int(structure.pointee.foreign_size))
    for position in 0..<Int(structure.pointee.count) {
      fieldToForeign(field(structure, position), from: source, to: destination)
    }
  }

  /// Carries out a structure's steps, which it must have.
  @inline(__always)
  public func follow(
    _ structure: UnsafePointer<persona_struct>, from source: UnsafeRawPointer, to destination: UnsafeMutableRawPointer
  ) {
    var step = steps(structure)
    while true {
      let stop = persona_follow(step, source, UInt64(UInt(bitPattern: destination)))
      step = UnsafePointer(bitPattern: Int(stop)).unsafelyUnwrapped
      if step.pointee.kind == UInt16(PERSONA_STEP_END.rawValue) { return }
      fieldToForeign(field(structure, Int(step.pointee.field)), from: source, to: destination)
      step += 1
    }
  }

  /// Fills the guest's structure, whose steps must be straight; false is EFAULT.
  @inline(__always)
  public func fill(
    _ guest: UInt64, _ structure: UnsafePointer<persona_struct>, from source: UnsafeRawPointer
  ) -> Bool {
    persona_follow(steps(structure), source, guest) != -Int64(EFAULT)
  }

  func fieldToForeign(
    _ field: UnsafePointer<persona_field>, from source: UnsafeRawPointer, to destination: UnsafeMutableRawPointer
  ) {
    guard field.pointee.native_width > 0, field.pointee.foreign_width > 0 else { return }
    let from = source + Int(field.pointee.native_offset)
    let to = destination + Int(field.pointee.foreign_offset)
    if copied(field, from, to) { return }
    guard isInteger(field.pointee.foreign_width), isInteger(field.pointee.native_width) else {
      copyBytes(from, to, min(Int(field.pointee.foreign_width), Int(field.pointee.native_width)))
      return
    }
    var value = load(from, field.pointee.native_width, signed: field.pointee.is_signed != 0)
    switch UInt32(field.pointee.conversion) {
    case PERSONA_CONVERT_FLAGS.rawValue, PERSONA_CONVERT_ENUM.rawValue:
      value = toForeign(Int(field.pointee.parameter), value) ?? value
    case PERSONA_CONVERT_SIGNAL.rawValue: value = UInt64(foreignSignal(Int(value)))
    default: break
    }
    store(value, to, field.pointee.foreign_width)
  }

  /// Converts one foreign value on its way to Linux; paths and structures are the caller's.
  @inline(__always)
  public func convert(_ conversion: UInt32, _ parameter: Int, _ value: UInt64) -> Converted {
    switch conversion {
    case PERSONA_CONVERT_SIGN32.rawValue:
      return .value(UInt64(bitPattern: Int64(Int32(truncatingIfNeeded: value))))
    case PERSONA_CONVERT_ZERO32.rawValue: return .value(value & 0xffff_ffff)
    case PERSONA_CONVERT_SIGN16.rawValue:
      return .value(UInt64(bitPattern: Int64(Int16(truncatingIfNeeded: value))))
    case PERSONA_CONVERT_ZERO16.rawValue: return .value(value & 0xffff)
    case PERSONA_CONVERT_ZERO8.rawValue: return .value(value & 0xff)
    case PERSONA_CONVERT_FLAGS.rawValue, PERSONA_CONVERT_ENUM.rawValue: return toNative(parameter, value)
    case PERSONA_CONVERT_SIGNAL.rawValue:
      if value == 0 { return .value(0) }
      let native = value < 256 ? nativeSignal(Int(value)) : 0
      return native == 0 ? .refused(foreignErrno: foreignErrno(Int(EINVAL))) : .value(UInt64(native))
    default: return .value(value)
    }
  }

  // MARK: Bytes

  private func isInteger(_ width: UInt16) -> Bool { width == 1 || width == 2 || width == 4 || width == 8 }

  @inline(__always)
  private func clear(_ memory: UnsafeMutableRawPointer, _ count: Int) {
    var offset = 0
    while offset &+ 8 <= count {
      memory.storeBytes(of: 0, toByteOffset: offset, as: UInt64.self)
      offset &+= 8
    }
    while offset < count {
      memory.storeBytes(of: 0, toByteOffset: offset, as: UInt8.self)
      offset &+= 1
    }
  }

  /// Copies a field that is the same on both sides but for its place, as most are.
  @inline(__always)
  private func copied(
    _ field: UnsafePointer<persona_field>, _ from: UnsafeRawPointer, _ to: UnsafeMutableRawPointer
  ) -> Bool {
    guard field.pointee.native_width == field.pointee.foreign_width,
      field.pointee.conversion == UInt8(PERSONA_CONVERT_NONE.rawValue)
    else { return false }
    copyBytes(from, to, Int(field.pointee.native_width))
    return true
  }

  @inline(__always)
  private func copyBytes(_ from: UnsafeRawPointer, _ to: UnsafeMutableRawPointer, _ count: Int) {
    var offset = 0
    while offset &+ 8 <= count {
      to.storeBytes(of: from.loadUnaligned(fromByteOffset: offset, as: UInt64.self), toByteOffset: offset, as: UInt64.self)
      offset &+= 8
    }
    if count & 4 != 0 {
      to.storeBytes(of: from.loadUnaligned(fromByteOffset: offset, as: UInt32.self), toByteOffset: offset, as: UInt32.self)
      offset &+= 4
    }
    while offset < count {
      to.storeBytes(of: from.load(fromByteOffset: offset, as: UInt8.self), toByteOffset: offset, as: UInt8.self)
      offset &+= 1
    }
  }

  private func load(_ from: UnsafeRawPointer, _ width: UInt16, signed: Bool) -> UInt64 {
    switch (width, signed) {
    case (1, false): return UInt64(from.load(as: UInt8.self))
    case (1, true): return UInt64(bitPattern: Int64(from.load(as: Int8.self)))
    case (2, false): return UInt64(from.loadUnaligned(as: UInt16.self))
    case (2, true): return UInt64(bitPattern: Int64(from.loadUnaligned(as: Int16.self)))
    case (4, false): return UInt64(from.loadUnaligned(as: UInt32.self))
    case (4, true): return UInt64(bitPattern: Int64(from.loadUnaligned(as: Int32.self)))
    default: return from.loadUnaligned(as: UInt64.self)
    }
  }

  private func store(_ value: UInt64, _ to: UnsafeMutableRawPointer, _ width: UInt16) {
    switch width {
    case 1: to.storeBytes(of: UInt8(truncatingIfNeeded: value), as: UInt8.self)
    case 2: to.storeBytes(of: UInt16(truncatingIfNeeded: value), as: UInt16.self)
    case 4: to.storeBytes(of: UInt32(truncatingIfNeeded: value), as: UInt32.self)
    default: to.storeBytes(of: value, as: UInt64.self)
    }
  }
}

extension Call {
  /// The signature of operand `index`, which must be an argument.
  public func argument(_ index: Int) -> UnsafePointer<persona_argument> {
    table.argument(row, Int(table.operand(row, index).pointee.argument))
  }

  /// The map or structure index of operand `index`'s type.
  public func parameter(_ index: Int) -> Int { Int(argument(index).pointee.parameter) }

  /// Reads foreign structure `structure` from guest memory into scratch as Linux's. nil when refused:
  /// `failure` then holds the answer.
  public func structIn(
    _ structure: Int, at address: UInt64, count: Int = 1, failure: inout Int
  ) -> UnsafeMutableRawPointer? {
    let shape = table.structure(structure)
    let (foreignSize, nativeSize) = (Int(shape.pointee.foreign_size), Int(shape.pointee.native_size))
    guard let foreign = scratch(foreignSize), let native = scratch(nativeSize * count) else {
      failure = error(ENOMEM)
      return nil
    }
    for index in 0..<count {
      guard copyIn(foreign, address &+ UInt64(index * foreignSize), foreignSize) else {
        failure = error(EFAULT)
        return nil
      }
      if let errno = table.structToNative(structure, from: foreign, to: native + index * nativeSize) {
        failure = foreignError(errno)
        return nil
      }
    }
    return native
  }

  /// Writes Linux's structure at `native` to guest memory as the foreign one; 0, or the answer.
  public func structOut(_ structure: Int, from native: UnsafeRawPointer, to address: UInt64) -> Int {
    let shape = table.structure(structure)
    guard let foreign = scratch(Int(shape.pointee.foreign_size)) else { return error(ENOMEM) }
    table.structToForeign(structure, from: native, to: foreign)
    return copyOut(address, foreign, Int(shape.pointee.foreign_size)) ? 0 : error(EFAULT)
  }
}
