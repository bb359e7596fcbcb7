extension LinkedImage {
  /// The names of functions in the symbol table of an a.out file with a big-endian header (a.out(6)): a value of 4 or
  /// 8 bytes, a type with the highest bit set, a name that ends with 0. Types T, t, L and l are code; z and Z are
  /// followed by numbers of path components instead of a name.
  ///
  /// - Parameter table: the bytes behind text and data.
  public static func functions(aout table: ArraySlice<UInt8>, isWide: Bool) -> [Symbol] {
    let width = isWide ? 8 : 4
    var found: [Symbol] = []
    var at = table.startIndex
    while at + width + 1 < table.endIndex {
      let value = table[at..<at + width].reduce(0 as UInt64) { $0 << 8 | UInt64($1) }
      let type = table[at + width] & 0x7f
      at += width + 1
      if type == UInt8(ascii: "z") || type == UInt8(ascii: "Z") {
        at += 1
        while at + 1 < table.endIndex, table[at] != 0 || table[at + 1] != 0 { at += 2 }
        at += 2
        continue
      }
      guard let end = table[at...].firstIndex(of: 0) else { break }
      if "TtLl".utf8.contains(type) {
        found.append(Symbol(name: String(decoding: table[at..<end], as: UTF8.self), address: value))
      }
      at = end + 1
    }
    return found
  }
}
