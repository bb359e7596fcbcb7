/// What a table says twice so that the checker can compare.
extension Parser {
  /// `[N entries]` behind a block that has `count` of them.
  mutating func statedCount(_ count: Int) throws(BadEntry) {
    guard let stated = try stated("how many entries", .entries), stated.value != count else { return }
    report("\(count == 1 ? "1 entry" : "\(count) entries"), not \(stated.value)", stated.position)
  }

  /// `calls FIRST...LAST [CONDITION]`
  mutating func callRange() throws(BadEntry) {
    let token = current
    let first = try small("a call's number", below: 1 << 16)
    try expect(.ellipsis, "'...' and the last call's number")
    let last = try small("a call's number", below: 1 << 16)
    if last < first { throw fail("the range ends before it begins", at: token) }
    guard try condition() else { return }
    if personality.callRange != nil { report("a second range of calls", token.position) }
    personality.callRange = (first, last, token.position)
  }

  /// `handler NAME(OPERANDS) -> RESULT`: what a handler takes.
  mutating func handlerSignature() throws(BadEntry) {
    let name = try word("the handler's name")
    var row = CallRow(
      number: 0, last: 0, name: text(name), position: name.position, actionPosition: name.position)
    guard kind == .parenOpen else { throw fail("expected '(' and what \(row.name) takes\(found)") }
    row.arguments = try arguments()
    try expect(.arrow, "'->' and what \(row.name) returns")
    row.result = try resultType()
    personality.handlers.append(row)
  }
}
