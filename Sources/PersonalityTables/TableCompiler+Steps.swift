import CWire

extension TableCompiler {
  /// Lists how the foreign structure is made of Linux's; leaves that out where fields overlap. What is copied comes first,
  /// in runs as long as they can be, then what is zeroed, then what is converted.
  mutating func compileSteps(_ wire: inout persona_struct) {
    let size = Int(wire.foreign_size)
    guard size < 65536, wire.native_size < 65536 else { return }
    var runs: [StepRun] = []
    var zeros: [Range<Int>] = []
    var converted: [persona_step] = []
    func addZeros(_ range: Range<Int>) {
      if range.isEmpty { return }
      if let last = zeros.last, last.upperBound == range.lowerBound {
        zeros[zeros.count - 1] = last.lowerBound..<range.upperBound
      } else {
        zeros.append(range)
      }
    }
    let present = fields[Int(wire.first)...].enumerated().filter { $0.element.native_width > 0 }
      .sorted { $0.element.foreign_offset < $1.element.foreign_offset }
    var end = 0
    for (position, field) in present {
      let (foreign, native) = (Int(field.foreign_width), Int(field.native_width))
      let start = Int(field.foreign_offset)
      guard start >= end, start + foreign <= size else { return }
      addZeros(end..<start)
      end = start + foreign
      if field.conversion == UInt8(PERSONA_CONVERT_NONE.rawValue), native >= foreign || field.is_signed == 0 {
        let common = min(foreign, native)
        let run = StepRun(start: start, length: common, native: Int(field.native_offset))
        if let last = runs.last, last.joins(run, converted) {
          runs[runs.count - 1].length = run.end - last.start
        } else {
          runs.append(run)
        }
        addZeros(start + common..<end)
      } else {
        converted.append(
          persona_step(
            foreign_offset: UInt16(start), native_offset: 0, field: UInt16(position),
            kind: UInt16(PERSONA_STEP_FIELD.rawValue)))
      }
    }
    addZeros(end..<size)
    let first = steps.count
    for run in runs { appendSteps(run, PERSONA_STEP_COPY, PERSONA_STEP_COPY_BYTES) }
    for range in zeros {
      let run = StepRun(start: range.lowerBound, length: range.count, native: 0)
      appendSteps(run, PERSONA_STEP_ZERO, PERSONA_STEP_ZERO_BYTES)
    }
    steps += converted
    steps.append(persona_step())
    wire.steps = UInt32(first)
    wire.step_count = UInt16(steps.count - first)
    wire.is_straight = converted.isEmpty ? 1 : 0
  }

  /// Whole words, of which the last may overlap the one before; what is shorter than a word in pieces.
  private mutating func appendSteps(_ run: StepRun, _ words: persona_step_kind, _ bytes: persona_step_kind) {
    let copies = words == PERSONA_STEP_COPY
    func step(_ at: Int, _ kind: Int) -> persona_step {
      persona_step(
        foreign_offset: UInt16(run.start + at), native_offset: copies ? UInt16(run.native + at) : 0, field: 0,
        kind: UInt16(kind))
    }
    var at = 0
    while run.length - at >= 8 {
      let count = min((run.length - at) / 8, Int(PERSONA_STEP_WORDS))
      steps.append(step(at, Int(words.rawValue) + count))
      at += 8 * count
    }
    if at == run.length { return }
    if run.length > 8 {
      steps.append(step(run.length - 8, Int(words.rawValue) + 1))
      return
    }
    for (index, width) in [1, 2, 4].enumerated().reversed() where run.length - at >= width {
      steps.append(step(at, Int(bytes.rawValue) + index + 1))
      at += width
    }
  }
}

/// Bytes that are the same on both sides but for their place.
private struct StepRun {
  var start: Int
  var length: Int
  var native: Int

  var end: Int { start + length }

  /// Whether `next` can be copied in the same go, a few bytes between them too, which are zeroed afterwards.
  func joins(_ next: StepRun, _ converted: [persona_step]) -> Bool {
    let gap = next.start - end
    if next.native - native != next.start - start || gap > 8 { return false }
    return !converted.contains { Int($0.foreign_offset) >= end && Int($0.foreign_offset) < next.start }
  }
}
