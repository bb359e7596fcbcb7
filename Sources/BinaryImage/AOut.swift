extension Image {
  /// Recognises the i386 a.out dialects: OMAGIC 0407, NMAGIC 0410, ZMAGIC 0413, QMAGIC 0314, in a_magic
  /// (4.3BSD), a_midmag in network order (sys/sys/exec_aout.h) or a_info with a machine type (Linux
  /// uapi/linux/a.out.h).
  init?(aout bytes: ImageBytes) throws(ImageError) {
    guard bytes.count >= 32 else { return nil }
    let magics: [UInt16] = [0o407, 0o410, 0o413, 0o314]
    let host = try bytes.load(0, as: UInt32.self, "the magic")
    let network = try bytes.load(0, as: UInt32.self, bigEndian: true, "the magic")
    let entry = UInt64(try bytes.load(20, as: UInt32.self, "the entry point"))
    let text = UInt64(try bytes.load(4, as: UInt32.self, "the text size"))
    let data = UInt64(try bytes.load(8, as: UInt32.self, "the data size"))
    // Two bytes of magic are little to go by: the sizes must fit the file too.
    guard text + data > 0, text + data <= bytes.count else { return nil }

    let hostMagic = UInt16(truncatingIfNeeded: host)
    let networkMagic = UInt16(truncatingIfNeeded: network)
    let format: ImageFormat
    if magics.contains(networkMagic) {
      format = .aout(.machineID(UInt16(network >> 16 & 0x3ff)), magic: networkMagic)
    } else if magics.contains(hostMagic), host >> 16 & 0xff == 100 {
      format = .aout(.linux, magic: hostMagic)
    } else if magics.contains(hostMagic), host >> 16 == 0 {
      format = .aout(.classic, magic: hostMagic)
    } else {
      return nil
    }
    self.init(format: format, fileSize: bytes.count, entry: entry)
  }
}
