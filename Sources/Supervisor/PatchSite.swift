import CCapstone
import CHost
import CWire
import Glibc

/// What the instructions before a `syscall` allow: whether a jump may take the place of one of them.
///
/// Code cannot be decoded backwards. So it is decoded from each of many places before the site, and the beginning of an
/// instruction is believed only where nearly all that arrive at the site agree on it: within a few instructions
/// decodings fall into step, unless data or overlapping code stands there.
struct PatchSite {
  /// Bytes of the instructions before the call that may run elsewhere; nil when it must stay as it is.
  private(set) var length: Int?

  /// How many bytes before the site are looked at, and how far from it a decoding must begin to count.
  static let reach = 80
  private static let settled = 28
  /// How many decodings must arrive.
  private static let quorum = 12

  /// - Parameter code: the bytes before the call instruction, which follows them.
  init(_ code: [UInt8]) {
    guard let decoder = InstructionDecoder() else { return }
    var votes = [Int](repeating: 0, count: code.count)
    var movable = [Bool](repeating: false, count: code.count)
    var arrived = 0
    for start in 0...max(0, code.count - PatchSite.settled) {
      guard let boundaries = PatchSite.walk(code, from: start, decoder, &movable) else { continue }
      arrived += 1
      for boundary in boundaries { votes[boundary] += 1 }
    }
    guard arrived >= PatchSite.quorum else { return }
    let common = votes.indices.filter { votes[$0] * 4 >= arrived * 3 }
    // From the site backwards: all that move may go; the first long one is where the jump goes.
    var end = code.count
    for start in common.reversed() where start >= code.count - Int(PERSONA_SITE_LIMIT) {
      guard movable[start] else { return }
      if end - start >= Int(PERSONA_JUMP_BYTES) {
        length = code.count - start
        return
      }
      end = start
    }
  }

  /// Where the instructions from `start` on begin, if they arrive exactly at the end; `movable` learns which of them
  /// may run at another address.
  private static func walk(
    _ code: [UInt8], from start: Int, _ decoder: borrowing InstructionDecoder, _ movable: inout [Bool]
  ) -> [Int]? {
    var at = start
    var boundaries: [Int] = []
    while at < code.count {
      guard let instruction = decoder.decode(code[at...]) else { return nil }
      boundaries.append(at)
      movable[at] = instruction.isMovable
      at += instruction.length
    }
    return at == code.count ? boundaries : nil
  }
}

/// Capstone in 64-bit mode.
struct InstructionDecoder: ~Copyable {
  struct Instruction {
    var length: Int
    /// Means the same at another address: it neither branches nor calls nor names memory by its distance.
    var isMovable: Bool
  }

  private var handle: csh = 0
  private let instruction: UnsafeMutablePointer<cs_insn>

  init?() {
    guard cs_open(CS_ARCH_X86, CS_MODE_64, &handle) == CS_ERR_OK else { return nil }
    cs_option(handle, CS_OPT_DETAIL, Int(CS_OPT_ON.rawValue))
    instruction = cs_malloc(handle)
  }

  deinit {
    var handle = handle
    cs_free(instruction, 1)
    cs_close(&handle)
  }

  func decode(_ bytes: ArraySlice<UInt8>) -> Instruction? {
    let known = bytes.withUnsafeBufferPointer { buffer in
      var code = buffer.baseAddress
      var size = buffer.count
      var address: UInt64 = 0
      return cs_disasm_iter(handle, &code, &size, &address, instruction)
    }
    guard known else { return nil }
    return Instruction(length: Int(instruction.pointee.size), isMovable: isMovable)
  }

  private var isMovable: Bool {
    for group in [CS_GRP_JUMP, CS_GRP_CALL, CS_GRP_RET, CS_GRP_INT, CS_GRP_IRET, CS_GRP_PRIVILEGE] {
      if cs_insn_group(handle, instruction, group.rawValue) { return false }
    }
    return !cs_reg_read(handle, instruction, X86_REG_RIP.rawValue) && !persona_names_rip(instruction)
  }
}

extension Session {
  /// Tells the engine what it may do at a call site.
  func answerSite(_ request: seccomp_notif, _ address: UInt64) {
    var site = persona_site()
    let pid = pid_t(request.pid)
    let size = MemoryLayout<persona_site>.size
    var result = withUnsafeMutableBytes(of: &site) { persona_read_memory(pid, address, $0.baseAddress!, size) }
    guard result == 0 else { return respond(request, Int64(result)) }
    examine(&site, pid)
    result = withUnsafeBytes(of: &site) { persona_write_memory(pid, address, $0.baseAddress!, size) }
    respond(request, Int64(result))
  }

  private func examine(_ site: inout persona_site, _ pid: pid_t) {
    let map = AddressSpace(pid)
    guard let text = map.mapping(at: site.address), text.isPrivateText, text.isFile || site.is_known != 0 else { return }
    // The page before may be a copy with a jump; it is text all the same.
    let start = max(site.address - min(site.address, UInt64(PatchSite.reach)), map.textStart(before: text))
    var code = [UInt8](repeating: 0, count: Int(site.address - start) + 2)
    let result = code.withUnsafeMutableBytes { persona_read_memory(pid, start, $0.baseAddress!, $0.count) }
    guard result == 0, code.suffix(2) == [0x0f, 0x05], let length = PatchSite(code.dropLast(2)).length else { return }
    site.length = UInt32(length)
    site.stub_page = map.freePage(near: text) ?? 0
  }
}

/// A process's mappings, from /proc/PID/maps.
struct AddressSpace {
  struct Mapping {
    var start: UInt64
    var end: UInt64
    var isFile: Bool
    /// r-xp
    var isPrivateText: Bool
  }

  private(set) var mappings: [Mapping] = []

  init(_ pid: pid_t) {
    let file = open("/proc/\(pid)/maps", O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return }
    defer { close(file) }
    var bytes: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 65536)
    while true {
      let count = piece.withUnsafeMutableBytes { read(file, $0.baseAddress!, $0.count) }
      guard count > 0 else { break }
      bytes += piece[..<count]
    }
    for line in bytes.split(separator: 10) { if let mapping = AddressSpace.parse(line) { mappings.append(mapping) } }
  }

  /// `start-end rwxp offset device inode path`, see proc(5).
  private static func parse(_ line: ArraySlice<UInt8>) -> Mapping? {
    let fields = line.split(separator: 32, maxSplits: 5)
    guard fields.count >= 5 else { return nil }
    let range = fields[0].split(separator: 45)
    guard range.count == 2, let start = hexadecimal(range[0]), let end = hexadecimal(range[1]) else { return nil }
    return Mapping(
      start: start, end: end, isFile: fields[4].first != 48, isPrivateText: fields[1].elementsEqual("r-xp".utf8))
  }

  private static func hexadecimal(_ digits: ArraySlice<UInt8>) -> UInt64? {
    UInt64(String(decoding: digits, as: UTF8.self), radix: 16)
  }

  func mapping(at address: UInt64) -> Mapping? {
    mappings.first { address >= $0.start && address < $0.end }
  }

  /// The first address of the text that `mapping` and those before it make without a gap.
  func textStart(before mapping: Mapping) -> UInt64 {
    var start = mapping.start
    for other in mappings.reversed() where other.end == start && other.isPrivateText { start = other.start }
    return start
  }

  /// A free page that a jump from anywhere near `text` reaches: the nearest below, where programs do not grow to.
  func freePage(near text: Mapping) -> UInt64? {
    let page: UInt64 = 4096
    let lowest: UInt64 = max(0x10000, text.end > 0x7000_0000 ? text.end - 0x7000_0000 : 0)
    var limit = text.start
    for other in mappings.reversed() where other.start < text.start {
      // A page is left free on both sides, as guard pages count on.
      if other.end + 3 * page <= limit, limit - 2 * page >= lowest { return limit - 2 * page }
      limit = min(limit, other.start)
    }
    return limit >= lowest + 2 * page ? limit - 2 * page : nil
  }
}
