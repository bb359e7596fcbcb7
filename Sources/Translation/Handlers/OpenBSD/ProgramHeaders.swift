import CEngine
import CWire

// What OpenBSD's kernel does with a program's headers besides mapping it: random bytes, fixed memory, places of system
// calls, W^X. Source: exec_elf_makecmds(), elf_load_file() and elf_load_psection() of sys/kern/exec_elf.c,
// sys/sys/exec_elf.h.

private enum HeaderType {
  static let load: UInt32 = 1
  static let relocatedReadOnly: UInt32 = 0x6474_e552  // PT_GNU_RELRO
  static let mutable: UInt32 = 0x65a3_dbe5
  static let randomize: UInt32 = 0x65a3_dbe6
  static let needsWriteAndExecute: UInt32 = 0x65a3_dbe7
  static let systemCalls: UInt32 = 0x65a3_dbe9
}

private enum HeaderFlag {
  static let executes: UInt32 = 1
  static let writes: UInt32 = 2
  /// PF_OPENBSD_MUTABLE
  static let mutable: UInt32 = 0x0800_0000
}

/// ELF_RANDOMIZE_LIMIT
private let mostRandom: UInt64 = 1 << 20

/// The headers of a plan's image.
struct ProgramHeaders {
  let first: UnsafePointer<persona_program_header>
  let count: Int

  init(_ process: UnsafeMutablePointer<persona_process>) {
    let plan = UnsafeRawPointer(process.pointee.plan!)
    first = (plan + Int(process.pointee.plan.pointee.headers))
      .assumingMemoryBound(to: persona_program_header.self)
    count = Int(process.pointee.plan.pointee.header_count)
  }
}

extension UnsafeMutablePointer where Pointee == persona_process {
  /// The code of the run-time linker.
  func textOfLinker() -> PageRange { text(of: pointee.plan.pointee.image_count - 1) }

  fileprivate func text(of image: UInt32) -> PageRange {
    let headers = ProgramHeaders(self)
    var range = PageRange(start: 0, end: 0)
    for index in 0..<headers.count {
      let header = headers.first[index]
      guard header.image == image, header.type == HeaderType.load, header.flags & HeaderFlag.executes != 0,
        header.flags & HeaderFlag.writes == 0
      else { continue }
      if range.end == 0 || header.address < range.start { range.start = header.address }
      range.end = Swift.max(range.end, header.address &+ header.length)
    }
    return range
  }
}

/// Does what the headers of an image say that has just been mapped; `file` is open.
public func prepareImage(_ process: UnsafeMutablePointer<persona_process>, _ image: UInt32, _ file: Int) {
  let headers = ProgramHeaders(process)
  let isStatic = process.pointee.plan.pointee.image_count == 1
  if isStatic { process.pointee.promised |= PromiseState.pinningIsOver }
  var isPinned = false
  for index in 0..<headers.count where headers.first[index].image == image {
    let header = headers.first[index]
    switch header.type {
    case HeaderType.randomize: randomize(header)
    case HeaderType.needsWriteAndExecute where image == 0: process.pointee.promised |= PromiseState.writesCode
    // Of a dynamic program only its run-time linker's table counts.
    case HeaderType.systemCalls where isStatic || image == 1:
      isPinned = pin(process, image, header, file) || isPinned
    default: break
    }
  }
  // A program that lists its system calls is of a release whose C library expects the rest to be fixed.
  if isPinned || process.pointee.promised & PromiseState.isFixed != 0 {
    process.pointee.promised |= PromiseState.isFixed
    for index in 0..<headers.count where isFixed(headers.first[index]) {
      fix(process, headers, headers.first[index])
    }
  }
}

private func randomize(_ header: persona_program_header) {
  guard header.length <= mostRandom else { return }
  var done: UInt64 = 0
  var bytes = InlineArray<64, UInt32>(repeating: 0)
  while done < header.length {
    let count = min(header.length - done, 256)
    _ = withUnsafeMutableBytes(of: &bytes) {
      persona_syscall(
        Int64(__NR_getrandom), UInt64(UInt(bitPattern: $0.baseAddress!)), count, 0, 0, 0, 0)
    }
    let isWritten = withUnsafeBytes(of: &bytes) {
      persona_copy_out(header.address + done, $0.baseAddress!, Int(count)) == 0
    }
    if !isWritten { return }
    done += count
  }
}

/// elf_read_pintable and elf_adjustpins; false for a table that the kernel does not take.
private func pin(
  _ process: UnsafeMutablePointer<persona_process>, _ image: UInt32, _ header: persona_program_header,
  _ file: Int
) -> Bool {
  let bytes = Int(header.file_length)
  guard bytes > 0, bytes <= Pins.limit * 2 * Pins.entry, bytes % Pins.entry == 0,
    let entries = persona_allocate(bytes)
  else { return false }
  defer { persona_release(entries) }
  let read = persona_syscall(
    Int64(__NR_pread64), UInt64(file), UInt64(UInt(bitPattern: entries)), UInt64(bytes), header.file_offset, 0, 0)
  guard read == Int64(bytes), let memory = persona_allocate(4 * Pins.limit) else { return false }
  let offsets = memory.bindMemory(to: UInt32.self, capacity: Pins.limit)
  let text = process.text(of: image)
  // The table counts from the image's own address 0, the checks from the start of its code.
  let shift = UInt32(truncatingIfNeeded: text.start &- header.bias)
  for entry in 0..<bytes / Pins.entry {
    let offset = entries.load(fromByteOffset: Pins.entry * entry, as: UInt32.self)
    let number = entries.load(fromByteOffset: Pins.entry * entry + 4, as: UInt32.self)
    guard number > 0, number < UInt32(Pins.limit), UInt64(offset) <= text.end &- header.bias else {
      persona_release(memory)
      return false
    }
    offsets[Int(number)] = offsets[Int(number)] != 0 ? Pins.anywhere : offset
  }
  for number in 0..<Pins.limit where offsets[number] != 0 && offsets[number] != Pins.anywhere {
    offsets[number] &-= shift
  }
  // A run-time linker may call kbind from anywhere.
  if image == 1 { offsets[86] = Pins.anywhere }
  process.pins(Pins.program).pointee = persona_pins(
    start: text.start, end: text.end, count: UInt32(Pins.limit), reserved: 0, offsets: offsets)
  process.pointee.promised |= PromiseState.pinned
  return true
}

// MARK: - Fixed memory

private func isFixed(_ header: persona_program_header) -> Bool {
  let both = HeaderFlag.executes | HeaderFlag.writes
  return header.type == HeaderType.load && header.length > 0 && header.flags & both != both
    && header.flags & HeaderFlag.mutable == 0
}

/// Fixes a segment but for what the program's own start-up code still changes.
private func fix(
  _ process: UnsafeMutablePointer<persona_process>, _ headers: ProgramHeaders, _ segment: persona_program_header
) {
  guard let range = PageRange(segment.address, segment.length) else { return }
  var start = range.start
  while start < range.end {
    var hole = PageRange(start: range.end, end: range.end)
    for index in 0..<headers.count {
      let header = headers.first[index]
      guard header.type == HeaderType.mutable || header.type == HeaderType.relocatedReadOnly,
        let part = PageRange(header.address, header.length), part.end > start, part.start < hole.start
      else { continue }
      hole = part
    }
    if hole.start > start { _ = fixRange(process, PageRange(start: start, end: min(hole.start, range.end))) }
    start = max(hole.end, start + pageSize)
  }
}
