import Glibc
import HostText

/// The bytes of a file, read in pages as they are wanted into memory that has the file's size.
///
/// Nothing is mapped from the file itself, so that a file which shrinks meanwhile cannot fault, and a large
/// file costs only the pages that its headers lie in.
///
/// Safe: whatever leaves it has been checked against `count`, and the memory lives as long as the object.
@safe final class ImageBytes {
  let base: UnsafeMutableRawPointer
  let count: UInt64
  private let descriptor: Int32
  private let mappedLength: Int
  /// The pages already read, in no order.
  private var loaded: [Pages] = []

  /// Page numbers from `first` to before `end`.
  private struct Pages {
    let first: UInt64
    let end: UInt64
  }

  private static let pageSize: UInt64 = 4096
  private static let sizeLimit: UInt64 = 1 << 40

  init(descriptor: Int32) throws(ImageError) {
    var status = stat()
    guard unsafe fstat(descriptor, &status) == 0 else { throw ImageBytes.unreadable(errno) }
    guard status.st_size >= 0, UInt64(status.st_size) <= ImageBytes.sizeLimit else {
      throw ImageError(
        .corrupt, offset: 0, cause: "larger than any program", remedy: "name an executable file")
    }
    let count = UInt64(status.st_size)
    let length = Int((count + 2 * ImageBytes.pageSize) / ImageBytes.pageSize * ImageBytes.pageSize)
    unsafe base = try unsafe ImageBytes.reserve(length)
    self.count = count
    self.descriptor = descriptor
    mappedLength = length
  }

  init(copying bytes: [UInt8]) {
    let length = (bytes.count + 8191) / 4096 * 4096
    guard let memory = try? unsafe ImageBytes.reserve(length) else {
      fatalError("out of memory for \(length) bytes")
    }
    unsafe base = unsafe memory
    unsafe bytes.withUnsafeBytes { source in
      if let start = source.baseAddress { unsafe memory.copyMemory(from: start, byteCount: source.count) }
    }
    count = UInt64(bytes.count)
    descriptor = -1
    mappedLength = length
  }

  deinit {
    unsafe munmap(base, mappedLength)
  }

  private static func reserve(_ length: Int) throws(ImageError) -> UnsafeMutableRawPointer {
    let memory = unsafe mmap(
      nil, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
    guard let memory = unsafe memory, unsafe memory != MAP_FAILED else { throw unreadable(errno) }
    return unsafe memory
  }

  private static func unreadable(_ code: Int32) -> ImageError {
    ImageError(
      .unreadable(code), offset: 0, cause: unsafe "cannot be read: \(String(cString: strerror(code)))",
      remedy: code == EISDIR ? "name a file in it" : "check the file's permissions and its file system")
  }

  /// True when [offset, offset + length) lies inside the file.
  func holds(_ offset: UInt64, _ length: UInt64) -> Bool {
    offset <= count && length <= count - offset
  }

  /// Makes [offset, offset + length) readable at `base + offset`.
  func require(_ offset: UInt64, _ length: UInt64, _ what: String) throws(ImageError) {
    guard holds(offset, length) else {
      throw ImageError(
        .truncated, offset: offset,
        cause: "truncated: \(what) needs \(length) bytes, the file has \(count)")
    }
    guard descriptor >= 0, length > 0 else { return }
    let pages = Pages(first: offset / ImageBytes.pageSize, end: (offset + length - 1) / ImageBytes.pageSize + 1)
    if loaded.contains(where: { $0.first <= pages.first && pages.end <= $0.end }) { return }
    let end = min(pages.end * ImageBytes.pageSize, count)
    var position = pages.first * ImageBytes.pageSize
    while position < end {
      let got = unsafe pread(descriptor, base + Int(position), Int(end - position), Int(position))
      if got < 0 {
        if errno == EINTR { continue }
        throw ImageBytes.unreadable(errno)
      }
      if got == 0 {
        if offset + length <= position { break }
        throw ImageError(.truncated, offset: position, cause: "truncated while it was read")
      }
      position += UInt64(got)
    }
    loaded.append(pages)
  }

  /// The integer at `offset`, little-endian unless told otherwise.
  func load<Value: FixedWidthInteger>(
    _ offset: UInt64, as type: Value.Type, bigEndian: Bool = false, _ what: String
  ) throws(ImageError) -> Value {
    try require(offset, UInt64(MemoryLayout<Value>.size), what)
    let value = unsafe base.loadUnaligned(fromByteOffset: Int(offset), as: Value.self)
    return bigEndian ? Value(bigEndian: value) : Value(littleEndian: value)
  }

  /// Up to `limit` bytes from `offset`, fewer at the end of the file.
  func bytes(_ offset: UInt64, limit: UInt64) throws(ImageError) -> [UInt8] {
    guard offset < count else { return [] }
    let length = min(limit, count - offset)
    try require(offset, length, "the text")
    return unsafe [UInt8](UnsafeRawBufferPointer(start: base + Int(offset), count: Int(length)))
  }

  /// The NUL-terminated text at `offset`, or nil if no NUL is among the first `limit` bytes.
  func text(_ offset: UInt64, limit: UInt64) throws(ImageError) -> String? {
    let found = try bytes(offset, limit: limit)
    guard let end = found.firstIndex(of: 0) else { return nil }
    return String(host: Array(found[..<end]))
  }
}
