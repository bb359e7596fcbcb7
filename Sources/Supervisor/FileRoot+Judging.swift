import BinaryImage
import Glibc
import HostText
import PersonalityTables

/// What a tree is: of which release of its system, and whether it can be a root at all.
extension FileRoot {
  /// The release that a tree is of, as the first of the files tells it that its system names; nil when none does.
  public func release(of heading: SystemHeading, _ recognizer: Recognizer) -> UInt32? {
    for file in heading.marks.rootReleases {
      guard let host = resolve(file.path) else { continue }
      let told =
        if let text = file.text {
          FileRoot.number(behind: text, in: host)
        } else {
          FileRoot.image(host).flatMap { recognizer.release(of: $0, heading.marks) }
        }
      if let told { return told }
    }
    return nil
  }

  /// The decimal number that stands behind `word` and blanks in the beginning of a text; nil where none does.
  private static func number(behind word: String, in path: String) -> UInt32? {
    let descriptor = Host.open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    let text = [UInt8](unsafeUninitializedCapacity: 1 << 16) { buffer, count in
      count = max(pread(descriptor, buffer.baseAddress!, buffer.count, 0), 0)
    }
    let word = Array(word.utf8)
    for start in text.indices where text[start] == word.first && text[start...].starts(with: word) {
      let rest = text[(start + word.count)...].drop { $0 == 32 || $0 == 9 }
      guard rest.startIndex > start + word.count else { continue }
      let digits = rest.prefix { (48...57).contains($0) }
      if let number = UInt32(String(decoding: digits, as: UTF8.self)) { return number }
    }
    return nil
  }

  /// Why the tree cannot be a root of the system: its run-time linker is missing, or no such thing.
  public func defect(_ heading: SystemHeading, _ recognizer: Recognizer) -> String? {
    let linkers = heading.marks.interpreters.filter { $0.isConclusive && $0.text.hasPrefix("/") }
      .map(\.text)
    guard !linkers.isEmpty else { return nil }
    guard let linker = linkers.first(where: { resolve($0) != nil }), let host = resolve(linker)
    else {
      return "it has no run-time linker \(linkers[0])"
    }
    guard let image = FileRoot.image(host), image.elf != nil else {
      return "its run-time linker \(linker) cannot be read or is no ELF file"
    }
    return nil
  }

  private static func image(_ path: String) -> Image? {
    let descriptor = Host.open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    return try? Image(descriptor: descriptor)
  }
}
