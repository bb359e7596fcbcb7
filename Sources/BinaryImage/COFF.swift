extension Image {
  /// Recognises an executable COFF file for i386: f_magic 0514 (0x14c), an optional header of 28 bytes with
  /// magic 0410, 0411 or 0413 and at least one section (filehdr.h and aouthdr.h).
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
      format: .coff386, marks: Marks(head: try bytes.bytes(0, limit: 8192)), fileSize: bytes.count,
      entry: UInt64(entry))
  }
}
