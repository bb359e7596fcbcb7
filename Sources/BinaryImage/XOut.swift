extension Image {
  /// Recognises x.out: magic 0x206, extended header of 0x2c bytes (sys/a.out.h, struct xexec).
  init?(xout bytes: ImageBytes) throws(ImageError) {
    guard bytes.count >= 32, try bytes.load(0, as: UInt16.self, "the magic") == 0x206 else { return nil }
    let extended = try bytes.load(2, as: UInt16.self, "the extended header's size")
    guard extended == 0x2c || extended == 0 else { return nil }
    let entry = try bytes.load(24, as: UInt32.self, "the entry point")
    let cpu = try bytes.load(28, as: UInt8.self, "the processor")
    self.init(
      format: .xout(cpu: cpu),
      fileSize: bytes.count, entry: UInt64(entry))
  }
}
