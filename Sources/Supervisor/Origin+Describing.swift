import BinaryImage

extension Image {
  /// One line as `persona identify` prints it, without the file's name.
  public func summary(_ origin: Origin) -> String {
    var parts: [String] = []
    if let system = origin.system {
      let release = origin.release.map { " \($0)" } ?? ""
      parts.append(system.displayName + release + (origin.certainty == .assumed ? " (assumed)" : ""))
    } else if elf != nil {
      parts.append("unknown system")
    }
    return (parts + facts).joined(separator: ", ")
  }
}
