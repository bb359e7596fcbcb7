import BinaryImage

extension PlacedImage {
  /// UTZERO: where the text begins (9k/k10/mem.h), and for 386 (9/pc/mem.h).
  private static let textStart: UInt64 = 0x20_0000
  private static let textStart386: UInt64 = 0x1000
  /// The amd64 linker starts the data on the next 2 MiB (6l, INITRND), that for 386 on the next page (8l).
  private static let dataRounding: UInt64 = 0x20_0000

  /// Lays out an a.out with a header of big-endian longs as its exec does (9/port/sysproc.c, sysexec): the header
  /// and the text at UTZERO, the data behind it at a rounded address, then the bss.
  init(_ details: BigEndianAOut, _ image: Image, index: UInt32) throws(LoadPlanError) {
    let remedy = "get a fresh copy of the file"
    // Four sizes of 32 bits cannot overflow 64.
    let text = details.headerSize + details.textSize
    guard text + details.dataSize <= image.fileSize else {
      throw LoadPlanError(
        .badSegment,
        "truncated: text and data need \(text + details.dataSize) bytes, the file has \(image.fileSize)",
        remedy: remedy)
    }
    let start = details.isWide ? PlacedImage.textStart : PlacedImage.textStart386
    let code = start..<start + text
    guard image.entry >= code.lowerBound + details.headerSize, image.entry < code.upperBound else {
      throw LoadPlanError(
        .badEntry, "its entry point \(hexadecimal(image.entry)) lies outside its text", remedy: remedy)
    }
    segments = [
      LoadPlan.Segment(
        address: code.lowerBound, length: text.rounded(up: PlacedImage.pageSize), fileOffset: 0,
        fileLength: text, protection: 5, image: index)
    ]
    let data = code.upperBound.rounded(up: details.isWide ? PlacedImage.dataRounding : PlacedImage.pageSize)
    let dataEnd = data + details.dataSize + details.bssSize
    // Without data and bss there is still a break to move.
    let length = max(dataEnd - data, 1).rounded(up: PlacedImage.pageSize)
    segments.append(
      LoadPlan.Segment(
        address: data, length: length, fileOffset: text, fileLength: details.dataSize, protection: 3,
        image: index))
    entry = image.entry
    end = segments[1].end
  }
}
