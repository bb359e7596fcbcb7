extension Image {
  /// Recognises an executable COFF file for i386: f_magic 0514 (0x14c), an optional header of 28 bytes with
  /// magic 0410, 0411 or 0413 and at least one section (System V Release 3 filehdr.h and aouthdr.h).
  init?(coff bytes: ImageBytes) throws(ImageError) {
    guard bytes.count >= 20, try bytes.load(0, as: UInt16.self, "the magic") == 0x14c else { return nil }
    let sections = try bytes.load(2, as: UInt16.self, "the section count")
    let optional = try bytes.load(16, as: UInt16.self, "the optional header's size")
    guard sections > 0, sections <= 64, optional >= 28 else { return nil }
    try bytes.require(0, 20 + UInt64(optional) + 40 * UInt64(sections), "the COFF section headers")
    let magic = try bytes.load(20, as: UInt16.self, "the optional header")
    guard [0o407, 0o410, 0o411, 0o413, 0o443].contains(magic) else { return nil }
    let entry = try bytes.load(36, as: UInt32.self, "the entry point")
    self.init(
      format: .coff386, origin: try Origin(coff: bytes), fileSize: bytes.count, entry: UInt64(entry))
  }
}

extension Origin {
  /// Tells the flavours of System V Release 3 apart by the identification strings that their startup code
  /// and `.comment` leave in the first 8 KiB and in the last.
  fileprivate init(coff bytes: ImageBytes) throws(ImageError) {
    let marks: [(String, OperatingSystem)] = [
      ("UNIX System V/386 Release 3.2.1", .wyse),
      ("SCO UNIX 3.2", .sco), ("SCO 3.2", .sco), ("crt1.s 1.8 89/05/30", .sco),
      ("crt1.s.source 20.1 94/12/04", .sco),
      ("INTERACTIVE", .interactive),
    ]
    var found: [Evidence] = []
    let head = String(decoding: try bytes.bytes(0, limit: 8192), as: UTF8.self)
    for (text, system) in marks where head.contains(substring: text) {
      found.append(Evidence(system, "the text \"\(text)\""))
    }
    self.init(
      system: found.first?.system ?? .svr3, certainty: .stated,
      evidence: found + [Evidence(.svr3, "COFF for i386")])
  }
}
