import PersonalityTables

extension Personality {
  /// Lets the system claim another release: the number that programs compare, and wherever its variables name
  /// it.
  mutating func claim(_ choice: PersonalityChoice.Release) throws(LaunchError) {
    let wanted: UInt32
    switch choice {
    case .number(let number): wanted = number
    case .version(let major, let minor):
      guard let number = encoding?.number(major, minor) else {
        throw LaunchError(
          .ours, "\(title) \(major).\(minor) has no release number in the personality '\(name)'",
          remedy: "name the release by its number, such as \(name):\(release)")
      }
      wanted = number
    }
    let old = release
    let text = encoding?.text(of: wanted)
    for index in sysctls.indices {
      switch sysctls[index].value {
      case .number(let value) where value == Int64(old):
        sysctls[index].value = .number(Int64(wanted))
      case .text(let value):
        guard let text else { continue }
        sysctls[index].value = .text(value.replacing(part: version, with: text))
      default: continue
      }
    }
    release = wanted
    if let text { version = text }
  }
}

extension String {
  /// The text with every occurrence of `part` replaced, where no digit stands beside it.
  func replacing(part: String, with other: String) -> String {
    let whole = Array(utf8)
    let part = Array(part.utf8)
    guard !part.isEmpty, part.count <= whole.count else { return self }
    let isDigit = { (byte: UInt8) in byte >= 48 && byte <= 57 }
    var result: [UInt8] = []
    var index = 0
    while index < whole.count {
      let end = index + part.count
      if end <= whole.count, whole[index..<end].elementsEqual(part), index == 0 || !isDigit(whole[index - 1]),
        end == whole.count || !isDigit(whole[end])
      {
        result += other.utf8
        index = end
      } else {
        result.append(whole[index])
        index += 1
      }
    }
    return String(decoding: result, as: UTF8.self)
  }
}
