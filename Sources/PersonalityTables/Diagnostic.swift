/// Something wrong in a table, at a place, with the near name if there is one.
public struct Diagnostic: Sendable, Equatable {
  public var position: Position
  public var message: String
  /// What stands behind the caret, as "did you mean 'open_flags'?".
  public var hint: String?
  /// What stands in a *.facts file where the table is right (`FactCheck`).
  var statement: String?

  init(position: Position, message: String, hint: String? = nil, statement: String? = nil) {
    self.position = position
    self.message = message
    self.hint = hint
    self.statement = statement
  }

  /// The report's three lines: place and message, the offending line, the caret.
  public func text(in source: SourceText) -> String {
    let line = source.line(around: Int(position.offset))
    let shown = source.text(line)
    var caret = ""
    for scalar in source.text(line.lowerBound..<max(line.lowerBound, Int(position.offset))).unicodeScalars {
      caret += scalar == "\t" ? "\t" : " "
    }
    let marked = max(line.lowerBound, min(Int(position.offset) + Int(position.length), line.upperBound))
    let length = source.text(min(Int(position.offset), marked)..<marked).unicodeScalars.count
    caret += "^" + String(repeating: "~", count: max(0, length - 1))
    if let hint { caret += " " + hint }
    return "\(source.place(position)): error: \(message)\n\(shown)\n\(caret)"
  }
}

/// The candidate nearest to `name` by edit distance, if it is near enough to be meant.
func nearest(to name: String, in candidates: some Sequence<String>) -> String? {
  let wanted = Array(name.utf8)
  var best: String?
  var bestDistance = max(1, wanted.count / 3) + 1
  for candidate in candidates where candidate != name {
    let distance = editDistance(wanted, Array(candidate.utf8), limit: bestDistance)
    if distance < bestDistance {
      best = candidate
      bestDistance = distance
    }
  }
  return best
}

func didYouMean(_ name: String, _ candidates: some Sequence<String>) -> String? {
  nearest(to: name, in: candidates).map { "did you mean '\($0)'?" }
}

/// Insertions, deletions, replacements and swaps of neighbours that turn `a` into `b`; at most `limit`.
func editDistance(_ a: [UInt8], _ b: [UInt8], limit: Int) -> Int {
  if abs(a.count - b.count) >= limit { return limit }
  var before = [Int](repeating: 0, count: b.count + 1)
  var previous = Array(0...b.count)
  var current = before
  for i in 0..<a.count {
    current[0] = i + 1
    for j in 0..<b.count {
      var cost = min(previous[j] + (a[i] == b[j] ? 0 : 1), previous[j + 1] + 1, current[j] + 1)
      if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { cost = min(cost, before[j - 1] + 1) }
      current[j + 1] = cost
    }
    (before, previous, current) = (previous, current, before)
  }
  return min(previous[b.count], limit)
}
