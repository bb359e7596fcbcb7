extension Image {
  /// Reads the headers of the file behind `descriptor`, which stays open and keeps its position.
  public init(descriptor: Int32) throws(ImageError) {
    let bytes = try ImageBytes(descriptor: descriptor)
    self = try Image(bytes)
  }

  /// Reads an image that lies in memory.
  public init(bytes: [UInt8]) throws(ImageError) {
    let bytes = ImageBytes(copying: bytes)
    self = try Image(bytes)
  }

  init(_ bytes: ImageBytes) throws(ImageError) {
    if let elf = try Image(elf: bytes) {
      self = elf
    } else if let script = try Script(bytes) {
      self = Image(format: .script(script), fileSize: bytes.count)
    } else if let pe = try Image(pe: bytes) {
      self = pe
    } else if let coff = try Image(coff: bytes) {
      self = coff
    } else if let xout = try Image(xout: bytes) {
      self = xout
    } else if let aout = try Image(bigEndianAOut: bytes) {
      self = aout
    } else if let aout = try Image(aout: bytes) {
      self = aout
    } else {
      self = Image(format: .unknown, fileSize: bytes.count)
    }
  }
}
