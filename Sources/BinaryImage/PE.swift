extension Image {
  /// Recognises a 16-bit, PE32 or PE32+ program (Microsoft PE/COFF specification, sections 2 and 3).
  init?(pe bytes: ImageBytes) throws(ImageError) {
    guard bytes.count >= 2, try bytes.load(0, as: UInt16.self, "the magic") == 0x5a4d else { return nil }
    let dos = Image(format: .dos, fileSize: bytes.count)
    guard bytes.holds(0x3c, 4) else {
      self = dos
      return
    }
    let start = UInt64(try bytes.load(0x3c, as: UInt32.self, "the PE header's offset"))
    guard bytes.holds(start, 26), try bytes.load(start, as: UInt32.self, "the PE signature") == 0x4550 else {
      self = dos
      return
    }
    let machine = try bytes.load(start + 4, as: UInt16.self, "the machine")
    let magic = try bytes.load(start + 24, as: UInt16.self, "the optional header's magic")
    guard magic == 0x10b || magic == 0x20b else {
      throw ImageError(
        .corrupt, offset: start + 24,
        cause: "corrupt: PE optional header magic 0x\(String(magic, radix: 16)) is neither 0x10b nor 0x20b")
    }
    let isPlus = magic == 0x20b
    let entry = UInt64(try bytes.load(start + 40, as: UInt32.self, "the entry point"))
    let base =
      isPlus
      ? try bytes.load(start + 48, as: UInt64.self, "the image base")
      : UInt64(try bytes.load(start + 52, as: UInt32.self, "the image base"))
    self.init(
      format: .pe(isPlus: isPlus, machine: machine), fileSize: bytes.count,
      entry: base &+ entry)
  }
}
