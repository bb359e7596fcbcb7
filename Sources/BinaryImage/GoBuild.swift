/// What Go's linker leaves in a program about its build.
struct GoBuild: Equatable {
  var version: String
  /// The GOOS that it was built for.
  var system: String?
  var architecture: String?
}

extension ELFFile {
  /// Reads `.go.buildinfo` in its form with inline strings: magic `\xff Go buildinf:`, flag 2 at byte 15, two
  /// strings with varint lengths from byte 32 (Go 1.18 and later; Go's src/debug/buildinfo/buildinfo.go).
  func goBuild() -> GoBuild? {
    guard let data = sectionBytes(".go.buildinfo", limit: ELFFile.textLimit), data.count > 32,
      data.starts(with: [0xff] + Array(" Go buildinf:".utf8)), data[15] & 2 != 0
    else { return nil }
    var position = 32
    func string() -> String? {
      var length: UInt64 = 0
      var shift: UInt64 = 0
      while position < data.count, shift < 32 {
        let byte = data[position]
        position += 1
        length |= UInt64(byte & 0x7f) << shift
        if byte & 0x80 == 0 {
          let end = position + Int(length)
          guard end <= data.count else { return nil }
          defer { position = end }
          return String(decoding: data[position..<end], as: UTF8.self)
        }
        shift += 7
      }
      return nil
    }
    guard let version = string() else { return nil }
    var build = GoBuild(version: version)
    if let module = string() {
      for line in module.utf8.split(separator: 10) {
        let fields = line.split(separator: 9)
        guard fields.count == 2, fields[0].elementsEqual("build".utf8),
          let equals = fields[1].firstIndex(of: 61)
        else { continue }
        let value = String(decoding: fields[1][fields[1].index(after: equals)...], as: UTF8.self)
        if fields[1][..<equals].elementsEqual("GOOS".utf8) { build.system = value }
        if fields[1][..<equals].elementsEqual("GOARCH".utf8) { build.architecture = value }
      }
    }
    return build
  }
}
