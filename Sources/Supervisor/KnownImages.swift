import BinaryImage
import CWire
import Glibc

/// Which file it is, in which state: whatever changes its bytes, owner or mode changes this.
struct FileIdentity: Hashable {
  private let inode: ino_t
  private let device: dev_t
  private let size: off_t
  private let seconds: Int
  private let nanoseconds: Int

  /// nil while the file is so young that it may change once more without its times telling: clocks of file systems
  /// tick every two seconds at worst (FAT's), most every 4 ms.
  init?(settled status: stat) {
    var now = timespec()
    clock_gettime(CLOCK_REALTIME_COARSE, &now)
    guard now.tv_sec > status.st_ctim.tv_sec + 2 else { return nil }
    (device, inode, size) = (status.st_dev, status.st_ino, status.st_size)
    (seconds, nanoseconds) = (status.st_ctim.tv_sec, status.st_ctim.tv_nsec)
  }

  /// As guests compare it.
  var wire: persona_file_identity {
    persona_file_identity(
      device: UInt64(device), inode: UInt64(inode), size: UInt64(size), seconds: Int64(seconds),
      nanoseconds: Int64(nanoseconds))
  }
}

/// What was read of a program, and judged of it once somebody has asked.
final class KnownImage {
  let image: Image
  /// The file that it was read from, once it has been asked for again.
  fileprivate(set) var file: FileIdentity?
  private var judged: Origin?

  init(_ image: Image) { self.image = image }

  func origin(_ recognizer: Recognizer) -> Origin {
    if let judged { return judged }
    let origin = recognizer.origin(of: image)
    judged = origin
    return origin
  }
}

/// Programs that were read before: shells, compilers and tools are executed again and again.
final class KnownImages {
  private static let limit = 64
  /// A list, since a start pays more for a dictionary's type than a list of so few ever costs.
  private var known: [(file: FileIdentity, image: KnownImage)] = []
  private var oldest = 0

  /// The image of an open file, read unless it is known.
  func image(of descriptor: Int32, _ status: stat) throws(ImageError) -> KnownImage {
    guard let file = FileIdentity(settled: status) else { return KnownImage(try Image(descriptor: descriptor)) }
    if let found = known.first(where: { $0.file == file }) {
      found.image.file = file
      return found.image
    }
    let image = KnownImage(try Image(descriptor: descriptor))
    if known.count < KnownImages.limit {
      known.append((file, image))
    } else {
      known[oldest] = (file, image)
      oldest = (oldest + 1) % KnownImages.limit
    }
    return image
  }
}
