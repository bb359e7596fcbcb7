/// Rows against what they become, and against each other.
extension TableCompiler {
  mutating func checkRow(_ row: CallRow) {
    checkCounts(row)
    switch row.action {
    case .translate(let name, let operands):
      guard let call = native.call(name) else { return }
      if (operands?.count ?? row.arguments.count) == call.arguments.count {
        checkOperands(row, call, operands, "Linux's \(name)")
        checkResult(row, call, "Linux's \(name)")
      }
      checkOutputs(row, operands)
      if operands == nil { checkOwnName(row, name) }
    case .handler(let name, let operands):
      checkHandler(row, name, operands)
      checkOutputs(row, operands)
      if operands == nil { checkOwnHandler(row, name) }
    case .answer:
      checkOutputs(row, [])
      if case .scalar? = row.result { return }
      if row.result != nil { report("\(row.name) answers a number: it cannot be a pair or never return", row.position) }
    case .none, .unsupported, .obsolete: return
    }
  }

  /// A count that is an address: what it points to is meant.
  private mutating func checkCounts(_ row: CallRow) {
    for argument in row.arguments {
      guard case .pointer(_, _, .argument(let index)) = argument.type else { continue }
      switch row.arguments[index].type {
      case .scalar(.address), .scalar(.pointer), .path, .string, .strings, .pointer:
        let name = row.arguments[index].name
        report("'\(argument.name)' is counted by an address", argument.position, "did you mean '[*\(name)]'?")
      default: break
      }
    }
  }

  /// Memory that the call should write, but that nothing which writes is given.
  private mutating func checkOutputs(_ row: CallRow, _ operands: [Operand]?) {
    guard let operands else { return }
    for (index, argument) in row.arguments.enumerated() {
      guard case .memory(let direction) = argument.type.kind, direction != .in,
        !operands.contains(where: { $0.value == .argument(index) })
      else { continue }
      report(
        "'\(argument.name)' is never written: \(row.name) becomes something that does not take it",
        argument.position)
    }
  }

  // MARK: Results

  private mutating func checkResult(_ row: CallRow, _ taker: CallRow, _ what: String) {
    guard let mine = row.result, let its = taker.result else { return }
    let isSame =
      switch (mine, its) {
      case (.scalar(let one), .scalar(let other)): one.answers == other.answers
      case (.map, .map), (.map, .scalar), (.scalar, .map), (.pair, .pair), (.never, .never): true
      default: false
      }
    if !isSame {
      report("\(row.name) returns \(mine.description), but \(what) returns \(its.description)", row.position)
    }
  }

  // MARK: Names

  /// `geteuid = getuid` is a slip of the pen where Linux has a geteuid that takes and returns the same.
  private mutating func checkOwnName(_ row: CallRow, _ name: String) {
    guard row.name != name, let own = native.call(row.name), let other = native.call(name),
      own.arguments.map(\.type) == other.arguments.map(\.type), own.result == other.result,
      own.result != .never  // Linux's exit ends a thread, other systems' the process
    else { return }
    report(
      "\(row.name) becomes Linux's \(name), though Linux has a \(row.name) that takes the same",
      row.actionPosition, "did you mean '\(row.name)'?")
  }

  /// The same for handlers, which are written getLogin where the call is getlogin.
  private mutating func checkOwnHandler(_ row: CallRow, _ name: String) {
    let plain = row.name.lowercased().filter { $0 != "_" }
    guard name.lowercased() != plain,
      let own = native.linux.handlers.first(where: { $0.name.lowercased() == plain }),
      native.linux.handlers.contains(where: {
        $0.name == name && $0.arguments.map(\.type) == own.arguments.map(\.type) && $0.result == own.result
      })
    else { return }
    report(
      "\(row.name) becomes the handler \(name), though there is a handler \(own.name) that takes the same",
      row.actionPosition, "did you mean '\(own.name)'?")
  }

  // MARK: Handlers

  /// A handler's own signatures, where personalities/linux tells them (docs/personalities.md, "Handlers").
  private mutating func checkHandler(_ row: CallRow, _ name: String, _ operands: [Operand]?) {
    let signatures = native.linux.handlers.filter { $0.name == name }
    guard !signatures.isEmpty else { return }
    let given = operands?.count ?? row.arguments.count
    let fitting = signatures.filter { $0.arguments.count == given }
    if fitting.isEmpty {
      let counts = Set(signatures.map(\.arguments.count)).sorted().map { "\($0)" }.joined(separator: " or ")
      report("handler \(name) takes \(counts) operands, not \(given)", row.actionPosition)
      return
    }
    let before = diagnostics
    var reports: [[Diagnostic]] = []
    for signature in fitting {
      checkOperands(row, signature, operands, "handler \(name)")
      if diagnostics.count == before.count { checkResult(row, signature, "handler \(name)") }
      if diagnostics.count == before.count { return }
      reports.append(Array(diagnostics[before.count...]))
      diagnostics = before
    }
    // The signature that fits best tells what is wrong.
    diagnostics += reports.min { $0.count < $1.count } ?? []
  }

  // MARK: Numbers

  /// Where `calls FIRST...LAST` says which numbers the OS has, each has a row, and no row another number.
  mutating func checkCallNumbers() {
    guard let range = personality.callRange else { return }
    for row in personality.calls where row.number < range.first || row.last > range.last {
      report("call \(row.number) is not among \(range.first)...\(range.last)", row.position)
    }
    var number = range.first
    while number <= range.last {
      let first = number
      while number <= range.last, personality.call(number) == nil { number += 1 }
      if number > first {
        let next = personality.call(number)
        let what = number == first + 1 ? "call \(first) has" : "calls \(first)...\(number - 1) have"
        report("\(what) no row", next?.position ?? range.position)
      }
      number += 1
    }
  }
}

extension Scalar {
  /// Results that mean the same to the one who gets them.
  var answers: Scalar {
    switch self {
    case .int, .i32, .uint, .u32, .size, .ssize, .i64, .u64, .ulong, .offset, .time, .id: .long
    case .pointer: .address
    default: self
    }
  }
}

extension ResultType {
  var description: String {
    switch self {
    case .scalar(let scalar): "'\(scalar.rawValue)'"
    case .map: "flags or an enum"
    case .pair: "a pair"
    case .never: "never"
    }
  }
}
