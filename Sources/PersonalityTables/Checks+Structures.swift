/// Structures: sizes that are stated, and fields that nearly are Linux's.
extension TableCompiler {
  mutating func checkStructure(_ index: Int) {
    let structure = personality.structures[index]
    checkOverlaps(structure)
    checkUnions(structure)
    guard let counterpart = nativeStructure(index) else { return }
    let mine = Set(structure.fields.map { $0.native ?? $0.name })
    let free = counterpart.fields.map(\.name).filter { !mine.contains($0) }
    for field in structure.fields {
      let target = field.native ?? field.name
      guard counterpart.field(named: target) == nil, field.native == nil else { continue }
      if let near = free.first(where: { isSlip(field.name, $0) }) {
        report(
          "Linux's struct \(counterpart.name) has no field '\(field.name)'", field.position,
          "did you mean '\(near)'?")
      }
    }
  }

  /// A field that `at` puts across another's border.
  private mutating func checkOverlaps(_ structure: Structure) {
    for (index, field) in structure.fields.enumerated() where field.isPlaced {
      for other in structure.fields[..<index] where other.size > 0 && field.size > 0 {
        let isApart = field.offset >= other.offset + other.size || other.offset >= field.offset + field.size
        if isApart || field.offset == other.offset { continue }
        if field.offset > other.offset, field.offset + field.size <= other.offset + other.size { continue }
        if other.offset > field.offset, other.offset + other.size <= field.offset + field.size { continue }
        report("'\(field.name)' begins inside '\(other.name)' and ends behind it", field.position)
      }
    }
  }
}

extension StructureField {
  var isPlaced: Bool { fixedOffset != nil }
}
