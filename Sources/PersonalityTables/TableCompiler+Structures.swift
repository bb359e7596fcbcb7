import CWire

extension TableCompiler {
  /// Linux's structure that a foreign one converts to.
  func nativeStructure(_ index: Int) -> Structure? {
    let structure = personality.structures[index]
    return native.linux.structure(named: structure.native ?? structure.name).map {
      native.linux.structures[$0]
    }
  }

  /// Whether a structure's bytes are the same on both sides.
  func isIdentical(_ index: Int) -> Bool { structs[index].identical != 0 }

  mutating func compileStructures() {
    structs.reserveCapacity(personality.structures.count)
    for index in personality.structures.indices {
      let structure = personality.structures[index]
      var wire = persona_struct()
      wire.name = string(structure.name)
      wire.foreign_size = UInt32(structure.size)
      wire.first = UInt32(fields.count)
      if let counterpart = nativeStructure(index) {
        wire.native_size = UInt32(counterpart.size)
        let reported = diagnostics.count
        compileFields(structure, counterpart, 0, 0)
        if diagnostics.count == reported, isSame(structure, counterpart, Int(wire.first)) {
          wire.identical = 1
          fields.removeSubrange(Int(wire.first)...)
        }
        if wire.identical == 0 { compileSteps(&wire) }
      } else if let name = structure.native {
        report(
          "Linux has no structure named '\(name)'", structure.nativePosition,
          didYouMean(name, native.linux.structures.map(\.name)))
      }
      wire.count = UInt16(truncatingIfNeeded: fields.count - Int(wire.first))
      structs.append(wire)
    }
  }

  private mutating func compileFields(
    _ structure: Structure, _ counterpart: Structure, _ foreignBase: Int, _ nativeBase: Int
  ) {
    for field in structure.fields {
      if let other = counterpart.field(named: field.native ?? field.name) {
        convert(
          field, field.type, other.type, foreignBase + field.offset, nativeBase + other.offset,
          field.size, other.size)
      } else {
        if let name = field.native {
          report(
            "Linux's struct \(counterpart.name) has no field '\(name)'", field.position,
            didYouMean(name, counterpart.fields.map(\.name)))
        }
        append(field.name, foreignBase + field.offset, 0, field.size, 0)
      }
    }
  }

  private mutating func convert(
    _ field: StructureField, _ foreign: FieldType, _ linux: FieldType, _ foreignOffset: Int,
    _ nativeOffset: Int, _ foreignSize: Int, _ nativeSize: Int
  ) {
    switch (foreign, linux) {
    case (.structure(let index), .structure(let other)):
      compileFields(
        personality.structures[index], native.linux.structures[other], foreignOffset, nativeOffset)
    case (.array(let element, let count), .array(let otherElement, let otherCount)):
      let size = count == 0 ? 0 : foreignSize / count
      let otherSize = otherCount == 0 ? 0 : nativeSize / otherCount
      if size == otherSize, isPlain(element), isPlain(otherElement) {
        append(field.name, foreignOffset, nativeOffset, foreignSize, nativeSize)
        return
      }
      for step in 0..<min(count, otherCount) {
        convert(
          field, element, otherElement, foreignOffset + step * size, nativeOffset + step * otherSize, size,
          otherSize)
      }
    default:
      let isNumber = isInteger(foreign)
      if isNumber != isInteger(linux), foreignSize != nativeSize {
        report(
          "'\(field.name)' is \(foreignSize) bytes, but Linux's field is \(nativeSize) of another type",
          field.position)
      }
      append(
        field.name, foreignOffset, nativeOffset, foreignSize, nativeSize, conversion(foreign),
        parameter(foreign), foreignSize < nativeSize ? isSigned(foreign) : isSigned(linux))
    }
  }

  private mutating func append(
    _ name: String, _ foreignOffset: Int, _ nativeOffset: Int, _ foreignWidth: Int, _ nativeWidth: Int,
    _ conversion: UInt32 = PERSONA_CONVERT_NONE.rawValue, _ parameter: Int = 0, _ isSigned: Bool = false
  ) {
    var wire = persona_field()
    wire.foreign_offset = UInt16(truncatingIfNeeded: foreignOffset)
    wire.native_offset = UInt16(truncatingIfNeeded: nativeOffset)
    wire.foreign_width = UInt16(truncatingIfNeeded: foreignWidth)
    wire.native_width = UInt16(truncatingIfNeeded: nativeWidth)
    wire.conversion = UInt8(conversion)
    wire.is_signed = isSigned ? 1 : 0
    wire.parameter = UInt16(truncatingIfNeeded: parameter)
    wire.name = string(name)
    fields.append(wire)
  }

  /// Whether every byte agrees: the fields from `first` on, the sizes, and no field of Linux's left out.
  private func isSame(_ structure: Structure, _ counterpart: Structure, _ first: Int) -> Bool {
    guard structure.size == counterpart.size, covers(structure, counterpart) else { return false }
    return fields[first...].allSatisfy {
      $0.foreign_offset == $0.native_offset && $0.foreign_width == $0.native_width
        && $0.conversion == UInt8(PERSONA_CONVERT_NONE.rawValue)
    }
  }

  private func covers(_ structure: Structure, _ counterpart: Structure) -> Bool {
    counterpart.fields.allSatisfy { wanted in
      guard let field = structure.fields.first(where: { ($0.native ?? $0.name) == wanted.name }) else {
        return false
      }
      if case .structure(let index) = field.type, case .structure(let other) = wanted.type {
        return covers(personality.structures[index], native.linux.structures[other])
      }
      return field.size == wanted.size
    }
  }

  // MARK: Field types

  private func isInteger(_ type: FieldType) -> Bool {
    switch type {
    case .scalar, .map: true
    default: false
    }
  }

  private func isPlain(_ type: FieldType) -> Bool {
    isInteger(type) && conversion(type) == PERSONA_CONVERT_NONE.rawValue
  }

  private func isSigned(_ type: FieldType) -> Bool {
    if case .scalar(let scalar, _) = type { return scalar.isSigned }
    return false
  }

  private func conversion(_ type: FieldType) -> UInt32 {
    switch type {
    case .scalar(.signal, _): PERSONA_CONVERT_SIGNAL.rawValue
    case .map(let index, _): mapConversion(index)
    default: PERSONA_CONVERT_NONE.rawValue
    }
  }

  private func parameter(_ type: FieldType) -> Int {
    if case .map(let index, _) = type { return index }
    return 0
  }

  /// How a value of that flags or enumeration type becomes Linux's; NONE for a verbatim one.
  func mapConversion(_ index: Int) -> UInt32 {
    let map = personality.maps[index]
    if map.isVerbatim { return PERSONA_CONVERT_NONE.rawValue }
    return map.kind == .flags ? PERSONA_CONVERT_FLAGS.rawValue : PERSONA_CONVERT_ENUM.rawValue
  }
}
