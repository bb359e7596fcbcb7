import BinaryImage
import PersonalityTables

/// The call instructions of a program, and the numbers that they are made with as far as that can be seen.
///
/// This is no disassembler: from each trap instruction it looks back for the instruction that loads the number
/// register with a constant, and believes it only where everything between the two is one of the plain moves
/// that argument set-up consists of. Any other site is undecided.
struct CallSites {
  /// Addresses by call number.
  private(set) var decided: [Int: [UInt64]] = [:]
  private(set) var undecided: [UInt64] = []

  /// How far before the trap the number may be loaded.
  private static let reach = 48

  /// - Parameters:
  ///   - code: an executable part of the program.
  ///   - address: where its first byte lies.
  mutating func scan(_ code: ArraySlice<UInt8>, at address: UInt64, abi: CallABI) {
    guard let register = CallSites.encodings[Int(abi.number)], let trap = abi.trapBytes else { return }
    var at = code.startIndex
    while at + 1 < code.endIndex {
      guard code[at] == trap.0, code[at + 1] == trap.1 else {
        at += 1
        continue
      }
      let site = address + UInt64(at - code.startIndex)
      if let number = CallSites.number(before: at, in: code, register) {
        decided[number, default: []].append(site)
      } else {
        undecided.append(site)
      }
      at += 2
    }
  }

  /// The constant in the number register at `site`.
  private static func number(before site: Int, in code: ArraySlice<UInt8>, _ register: UInt8) -> Int? {
    var start = site - 1
    while start >= max(code.startIndex, site - reach) {
      if let load = constant(code, start, register), leads(code, from: load.end, to: site, sparing: register) {
        return load.value
      }
      start -= 1
    }
    return nil
  }

  /// `mov $n, %e..`, `mov $n, %r..` or `xor %e.., %e..` of the register at `start`.
  private static func constant(
    _ code: ArraySlice<UInt8>, _ start: Int, _ register: UInt8
  ) -> (value: Int, end: Int)? {
    func immediate(_ at: Int) -> Int? {
      guard at + 4 <= code.endIndex else { return nil }
      return (0..<4).reduce(0) { $0 | Int(code[at + $1]) << (8 * $1) }
    }
    // Behind a prefix the same bytes mean another register or a wider constant.
    let isPrefixed = start > code.startIndex && code[start - 1] & 0xf0 == 0x40
    if !isPrefixed, code[start] == 0xb8 | register { return immediate(start + 1).map { ($0, start + 5) } }
    guard start + 2 < code.endIndex else { return nil }
    if code[start] == 0x48, code[start + 1] == 0xc7, code[start + 2] == 0xc0 | register {
      return immediate(start + 3).map { ($0, start + 7) }
    }
    if !isPrefixed, code[start] == 0x31, code[start + 1] == 0xc0 | register << 3 | register { return (0, start + 2) }
    return nil
  }

  /// Whether plain moves that leave the register alone lead from `start` to exactly `end`.
  private static func leads(
    _ code: ArraySlice<UInt8>, from start: Int, to end: Int, sparing register: UInt8
  ) -> Bool {
    var at = start
    while at < end {
      guard let move = plainMove(code, at), move.target != register, at + move.length <= end else { return false }
      at += move.length
    }
    return at == end
  }

  /// A move, `lea`, `xor` of a register with itself, or sign extension at `start`: its length, and the register
  /// that it changes (none: 255).
  private static func plainMove(_ code: ArraySlice<UInt8>, _ start: Int) -> (length: Int, target: UInt8)? {
    var at = start
    var prefix: UInt8 = 0
    if at < code.endIndex, code[at] & 0xf0 == 0x40 {
      prefix = code[at]
      at += 1
    }
    guard at + 1 < code.endIndex else { return nil }
    let opcode = code[at]
    let extended = (prefix & 4) << 1
    if opcode & 0xf8 == 0xb8 {
      return (at - start + (prefix & 8 != 0 ? 9 : 5), opcode & 7 | (prefix & 1) << 3)
    }
    let form = code[at + 1]
    let first = form >> 3 & 7 | extended
    let second = form & 7 | (prefix & 1) << 3
    guard let operand = operandLength(code, at + 1) else { return nil }
    let length = at - start + 1 + operand
    switch opcode {
    case 0x89: return (length, form >= 0xc0 ? second : 255)
    case 0x8b, 0x63: return (length, first)
    case 0x8d: return form < 0xc0 ? (length, first) : nil
    case 0x31: return form >= 0xc0 && first == second ? (length, second) : nil
    case 0xc7: return form & 0x38 == 0 ? (length + 4, form >= 0xc0 ? second : 255) : nil
    default: return nil
    }
  }

  /// Bytes of a ModR/M byte with what belongs to it.
  private static func operandLength(_ code: ArraySlice<UInt8>, _ at: Int) -> Int? {
    let form = code[at]
    if form >= 0xc0 { return 1 }
    var length = 1
    if form & 7 == 4 {
      guard at + 1 < code.endIndex else { return nil }
      length = 2
      if form & 0xc0 == 0, code[at + 1] & 7 == 5 { return 6 }
    }
    switch form & 0xc0 {
    case 0: return form & 7 == 5 ? 5 : length
    case 0x40: return length + 1
    default: return length + 4
    }
  }

  /// The processor's numbers of the registers that tables may name, in the order of `enum persona_register`;
  /// nil for those that need a prefix.
  private static let encodings: [UInt8?] = [
    nil, nil, nil, nil, nil, nil, nil, nil, 7, 6, 5, 3, 2, 0, 1, 4,
  ]
}

extension CallABI {
  /// The bytes of the instruction by which calls are made; nil for call gates.
  fileprivate var trapBytes: (UInt8, UInt8)? {
    switch trap {
    case .syscall: (0x0f, 0x05)
    case .interrupt(let number): (0xcd, number)
    case .callGate: nil
    }
  }
}
