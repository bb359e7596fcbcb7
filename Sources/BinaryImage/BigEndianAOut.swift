/// The header of an a.out for 386 or amd64 (a.out(6), a.out.h): big-endian longs, sizes in bytes.
public struct BigEndianAOut: Sendable, Equatable {
  /// Bytes of the header, which is loaded as the beginning of the text.
  public var headerSize: UInt64
  public var textSize: UInt64
  public var dataSize: UInt64
  public var bssSize: UInt64
  /// Bytes of the symbol table, behind text and data.
  public var symbolSize: UInt64
  /// Whether addresses have 64 bits: the header then holds a wide entry address.
  public var isWide: Bool { headerSize == 40 }
}

extension Image {
  /// Recognises a.out for 386 and amd64 with a big-endian header: magic 0x1eb or 0x8a97 (a.out(6)).
  init?(bigEndianAOut bytes: ImageBytes) throws(ImageError) {
    guard bytes.count >= 32 else { return nil }
    let magic = try bytes.load(0, as: UInt32.self, bigEndian: true, "the magic")
    guard magic == 0x1eb || magic == 0x8a97 else { return nil }
    // HDR_MAGIC: a wide entry address stands behind the 32-byte header.
    let isWide = magic & 0x8000 != 0
    let entry =
      isWide
      ? try bytes.load(32, as: UInt64.self, bigEndian: true, "the entry point")
      : UInt64(try bytes.load(20, as: UInt32.self, bigEndian: true, "the entry point"))
    let details = BigEndianAOut(
      headerSize: isWide ? 40 : 32,
      textSize: UInt64(try bytes.load(4, as: UInt32.self, bigEndian: true, "the text size")),
      dataSize: UInt64(try bytes.load(8, as: UInt32.self, bigEndian: true, "the data size")),
      bssSize: UInt64(try bytes.load(12, as: UInt32.self, bigEndian: true, "the bss size")),
      symbolSize: UInt64(try bytes.load(16, as: UInt32.self, bigEndian: true, "the symbol table's size")))
    self.init(
      format: .aoutBigEndian(magic: magic), fileSize: bytes.count, entry: entry, bigEndianAOut: details)
  }
}
