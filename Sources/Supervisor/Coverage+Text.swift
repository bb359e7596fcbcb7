/// The report as it is printed.
extension Coverage {
  /// - Parameter shown: how many undecided sites are named, and how many places of each call that becomes nothing.
  public func text(shown: Int = 16) -> String {
    let counts = Coverage.fates.reversed().compactMap { fate -> String? in
      let count = entries.count { $0.fate == fate }
      return count == 0 ? nil : "\(count) \(fate)"
    }
    var text = "\(personality): \(entries.count) calls"
    text += counts.isEmpty ? "" : ": " + counts.joined(separator: ", ")
    text += "; \(undecided.count) of \(siteCount) sites undecided\n"
    for entry in entries {
      text += "  \(entry.fate)  \(entry.number) \(entry.name ?? "?")  \(entry.detail)"
      if entry.fate == "unsupported" || entry.fate == "missing" {
        text += "; in " + places(entry.sites, 3)
      }
      text += "\n"
    }
    if files.count > 1 { text += "looked at: \(files.joined(separator: " "))\n" }
    if !missing.isEmpty {
      text += "not found: \(missing.joined(separator: " ")) (--root DIR names the system's files)\n"
    }
    if !undecided.isEmpty { text += "undecided: \(places(undecided, shown))\n" }
    if loadsMore { text += "not looked at: what it may load with dlopen\n" }
    return text
  }

  private func places(_ sites: [Site], _ shown: Int) -> String {
    var names: [String] = []
    for site in sites {
      let address = hexadecimal(site.address)
      var name = site.function.map { "\($0) (\(address))" } ?? address
      if site.file > 0 { name += " of \(files[site.file].split(separator: "/").last ?? "")" }
      if !names.contains(name) { names.append(name) }
    }
    let rest = names.count - shown
    return names.prefix(shown).joined(separator: ", ") + (rest > 0 ? " and \(rest) more" : "")
  }

  // MARK: JSON

  /// One object: "personality", "files", "calls", "sites", "undecided", "missing" and "loads_more".
  public var json: String {
    let calls = entries.map { entry in
      let name = entry.name.map(quoted) ?? "null"
      let sites = entry.sites.map(json).joined(separator: ",")
      return "{\"number\":\(entry.number),\"name\":\(name),\"fate\":\(quoted(entry.fate)),"
        + "\"detail\":\(quoted(entry.detail)),\"sites\":[\(sites)]}"
    }
    let list = { (texts: [String]) in "[\(texts.joined(separator: ","))]" }
    return "{\"personality\":\(quoted(personality)),\"files\":\(list(files.map(quoted))),\"calls\":\(list(calls)),"
      + "\"sites\":\(siteCount),\"undecided\":\(list(undecided.map(json))),"
      + "\"missing\":\(list(missing.map(quoted))),\"loads_more\":\(loadsMore)}\n"
  }

  private func json(_ site: Site) -> String {
    "{\"file\":\(site.file),\"address\":\(site.address),\"function\":\(site.function.map(quoted) ?? "null")}"
  }

  private func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"", "\\": result += "\\\(scalar)"
      case "\u{0}"..."\u{1f}":
        let digits = String(scalar.value, radix: 16)
        result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }
}
