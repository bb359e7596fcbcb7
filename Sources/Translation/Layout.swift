import CWire
import Wire

/// Where a field lies in the personality's structure, in bytes.
public struct Layout {
  public let offset: Int
  public let width: Int
}

extension Table {
  /// The place of a field that handlers know by name; nil when the personality has no such field.
  public func layout(_ name: FieldName) -> Layout? {
    let pool = header.pointee.layouts
    guard Int(name.rawValue) < Int(pool.count) else { return nil }
    let found = (base + Int(pool.offset) + 4 * Int(name.rawValue)).load(as: persona_layout.self)
    return found.width == 0 ? nil : Layout(offset: Int(found.offset), width: Int(found.width))
  }

  /// Bytes of the structure that handlers know by this name; 0 when the personality has none.
  public func size(_ name: WellKnown) -> Int {
    wellKnown(name).map { Int(structure($0).pointee.foreign_size) } ?? 0
  }
}

/// One foreign structure in the engine's memory, whose integer fields are read and written by name. A field
/// that the personality lacks reads as zero and is not written.
public struct Record {
  public let memory: UnsafeMutableRawPointer
  public let table: Table

  public init(_ memory: UnsafeMutableRawPointer, _ table: Table) {
    self.memory = memory
    self.table = table
  }

  /// A field of up to 8 bytes, zero-extended.
  public subscript(_ name: FieldName) -> UInt64 {
    get {
      guard let layout = table.layout(name) else { return 0 }
      let place = memory + layout.offset
      switch layout.width {
      case 1: return UInt64(place.load(as: UInt8.self))
      case 2: return UInt64(place.loadUnaligned(as: UInt16.self))
      case 4: return UInt64(place.loadUnaligned(as: UInt32.self))
      default: return place.loadUnaligned(as: UInt64.self)
      }
    }
    nonmutating set {
      guard let layout = table.layout(name) else { return }
      let place = memory + layout.offset
      switch layout.width {
      case 1: place.storeBytes(of: UInt8(truncatingIfNeeded: newValue), as: UInt8.self)
      case 2: place.storeBytes(of: UInt16(truncatingIfNeeded: newValue), as: UInt16.self)
      case 4: place.storeBytes(of: UInt32(truncatingIfNeeded: newValue), as: UInt32.self)
      default: place.storeBytes(of: newValue, as: UInt64.self)
      }
    }
  }

  /// The same, sign-extended.
  public func signed(_ name: FieldName) -> Int64 {
    let value = self[name]
    switch table.layout(name)?.width {
    case 1: return Int64(Int8(truncatingIfNeeded: value))
    case 2: return Int64(Int16(truncatingIfNeeded: value))
    case 4: return Int64(Int32(truncatingIfNeeded: value))
    default: return Int64(bitPattern: value)
    }
  }

  /// Stores bytes, as many as the field has room for.
  func copy(_ source: UnsafeRawPointer, _ count: Int, to name: FieldName) {
    guard let layout = table.layout(name) else { return }
    (memory + layout.offset).copyMemory(from: source, byteCount: min(count, layout.width))
  }

  func copy(_ text: StaticString, to name: FieldName) { copy(text.utf8Start, text.utf8CodeUnitCount, to: name) }

  func copy<let count: Int, Element: BitwiseCopyable>(_ array: InlineArray<count, Element>, to name: FieldName) {
    withUnsafeBytes(of: array) { copy($0.baseAddress!, $0.count, to: name) }
  }
}
