/// An entry of a list in the engine's memory, of which each knows the next.
protocol ListEntry {
  var next: UnsafeMutablePointer<Self>? { get set }
}

extension UnsafeMutablePointer where Pointee: ListEntry {
  /// Takes the entry out of the list that `first` begins, if it is there.
  func leave(_ first: inout UnsafeMutablePointer?) {
    if first == self {
      first = pointee.next
      return
    }
    var before = first
    while let entry = before, entry.pointee.next != self { before = entry.pointee.next }
    before?.pointee.next = pointee.next
  }
}
