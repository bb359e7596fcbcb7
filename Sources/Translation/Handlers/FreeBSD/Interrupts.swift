import CEngine
import CWire
import Wire

// What vmstat -i asks of the kernel: names of interrupts, one behind the other, and how often each came.

/// Bytes that a name may have.
private let nameLimit = 120

/// hw.intrnames
func interruptNames(_ request: inout SysctlRequest) -> Int { tellInterrupts(&request) { found, name, _ in found.put(name) } }

/// hw.intrcnt
func interruptCounts(_ request: inout SysctlRequest) -> Int { tellInterrupts(&request) { found, _, count in found.put(count) } }

/// Puts of each interrupt what `tell` says.
private func tellInterrupts(
  _ request: inout SysctlRequest, _ tell: (inout SysctlRequest, ByteWriter, UInt64) -> Void
) -> Int {
  let call = request.call
  guard var name = ByteWriter(call, limit: 128) else { return call.error(ENOMEM) }
  var found = request
  eachInterrupt(call, &name) { name, count in tell(&found, name, count) }
  request = found
  return 0
}

/// The lines of /proc/interrupts: " 26:  0  14  IO-APIC  4-edge  ttyS0" and "LOC:  7  9  Local timer interrupts", below a line
/// that names the processors.
private func eachInterrupt(_ call: Call, _ name: inout ByteWriter, _ body: (ByteWriter, UInt64) -> Void) {
  var file = HostFile(call, "/proc/interrupts")
  var processors = 0
  while let next = file.peek(), next != 0x0a {
    if next == 0x20 {
      file.byte()
    } else {
      file.skipWord()
      processors += 1
    }
  }
  file.byte()
  while file.peek() != nil {
    name.clear()
    while file.peek() == 0x20 { file.byte() }
    let isNumbered = file.peek().map { 0x30...0x39 ~= $0 } ?? false
    if isNumbered { name.append("irq") }
    while let next = file.peek(), next != 0x0a {
      if name.count < nameLimit { name.append(next) }
      file.byte()
      if next == UInt8(ascii: ":") { break }
    }
    var count: UInt64 = 0
    for _ in 0..<processors {
      while file.peek() == 0x20 { file.byte() }
      guard let next = file.peek(), 0x30...0x39 ~= next else { break }
      count &+= UInt64(file.decimal() ?? 0)
    }
    // The controller and its line stand before what a numbered one belongs to.
    if isNumbered {
      file.skipWord()
      file.skipWord()
    }
    while file.peek() == 0x20 { file.byte() }
    if let next = file.peek(), next != 0x0a { name.append(0x20) }
    while let next = file.byte(), next != 0x0a {
      if name.count < nameLimit { name.append(next) }
    }
    name.append(0)
    body(name, count)
  }
}
