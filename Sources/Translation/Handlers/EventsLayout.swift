import CWire
import Wire

/// An event as the filters see it. The numbers of `filter`, `flags` and `fflags` are the personality's.
struct ForeignEvent: BitwiseCopyable {
  var ident: UInt64 = 0
  var filter: Int32 = 0
  var flags: UInt32 = 0
  var fflags: UInt32 = 0
  var data: Int64 = 0
  var udata: UInt64 = 0
  var ext: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
}

/// Where the personality's struct kevent has its fields. Older calls take one that ends before `ext`.
struct EventLayout {
  static let largest = 128

  let ident: Layout
  let filter: Layout
  let flags: Layout
  let fflags: Layout
  let data: Layout
  let udata: Layout
  let ext: Layout?
  /// Bytes from one event to the next.
  let size: Int

  init?(_ table: Table, size: Int) {
    guard let ident = table.layout(.kevent__ident), let filter = table.layout(.kevent__filter),
      let flags = table.layout(.kevent__flags), let fflags = table.layout(.kevent__fflags),
      let data = table.layout(.kevent__data), let udata = table.layout(.kevent__udata),
      udata.offset + udata.width <= size, size <= EventLayout.largest
    else { return nil }
    self.ident = ident
    self.filter = filter
    self.flags = flags
    self.fflags = fflags
    self.data = data
    self.udata = udata
    let ext = table.layout(.kevent__ext)
    self.ext = ext.map { $0.offset + 32 <= size } == true ? ext : nil
    self.size = size
  }

  func decode(_ memory: UnsafeRawPointer) -> ForeignEvent {
    var event = ForeignEvent()
    event.ident = load(memory, ident)
    let number = load(memory, filter)
    event.filter = filter.width == 2 ? Int32(Int16(truncatingIfNeeded: number)) : Int32(truncatingIfNeeded: number)
    event.flags = UInt32(truncatingIfNeeded: load(memory, flags))
    event.fflags = UInt32(truncatingIfNeeded: load(memory, fflags))
    event.data = Int64(bitPattern: load(memory, data))
    event.udata = load(memory, udata)
    if let ext {
      withUnsafeMutableBytes(of: &event.ext) {
        $0.baseAddress!.copyMemory(from: memory + ext.offset, byteCount: 32)
      }
    }
    return event
  }

  func encode(_ event: ForeignEvent, _ memory: UnsafeMutableRawPointer) {
    memory.initializeMemory(as: UInt8.self, repeating: 0, count: size)
    store(event.ident, memory, ident)
    store(UInt64(bitPattern: Int64(event.filter)), memory, filter)
    store(UInt64(event.flags), memory, flags)
    store(UInt64(event.fflags), memory, fflags)
    store(UInt64(bitPattern: event.data), memory, data)
    store(event.udata, memory, udata)
    if let ext {
      withUnsafeBytes(of: event.ext) {
        (memory + ext.offset).copyMemory(from: $0.baseAddress!, byteCount: 32)
      }
    }
  }

  private func load(_ memory: UnsafeRawPointer, _ field: Layout) -> UInt64 {
    switch field.width {
    case 8: memory.loadUnaligned(fromByteOffset: field.offset, as: UInt64.self)
    case 4: UInt64(memory.loadUnaligned(fromByteOffset: field.offset, as: UInt32.self))
    default: UInt64(memory.loadUnaligned(fromByteOffset: field.offset, as: UInt16.self))
    }
  }

  private func store(_ value: UInt64, _ memory: UnsafeMutableRawPointer, _ field: Layout) {
    switch field.width {
    case 8: memory.storeBytes(of: value, toByteOffset: field.offset, as: UInt64.self)
    case 4: memory.storeBytes(of: UInt32(truncatingIfNeeded: value), toByteOffset: field.offset, as: UInt32.self)
    default: memory.storeBytes(of: UInt16(truncatingIfNeeded: value), toByteOffset: field.offset, as: UInt16.self)
    }
  }
}

extension Table {
  /// The filter that an event's number names; nil when the personality has none of that number.
  func eventFilter(_ number: Int32) -> ConstantName? {
    var raw = ConstantName.EVFILT_READ.rawValue
    while let name = ConstantName(rawValue: raw), raw <= ConstantName.EVFILT_JAILDESC.rawValue {
      if constant(name) == Int64(number) { return name }
      raw += 1
    }
    return nil
  }

  /// The flags of an event that only the system sets.
  var eventSystemFlags: UInt32 {
    self[.EV_EOF] | self[.EV_ERROR] | self[.EV_NODATA] | self[.EV_HUP] | self[.EV_FLAG1] | self[.EV_DROP]
  }
}

/// Whether a filter's events belong to a descriptor.
func isDescriptor(_ filter: ConstantName) -> Bool {
  switch filter {
  case .EVFILT_READ, .EVFILT_WRITE, .EVFILT_EMPTY, .EVFILT_EXCEPT, .EVFILT_VNODE, .EVFILT_PROCDESC: true
  default: false
  }
}

/// Events on their way to the guest.
struct EventOutput {
  let memory: UnsafeMutableRawPointer
  let capacity: Int
  let layout: EventLayout
  var count = 0

  var isFull: Bool { count == capacity }

  mutating func append(_ event: ForeignEvent) {
    layout.encode(event, memory + count * layout.size)
    count += 1
  }
}
