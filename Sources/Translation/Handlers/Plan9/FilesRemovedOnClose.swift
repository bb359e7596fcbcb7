import CEngine
import CWire

// ORCLOSE: a file that goes when it is closed. Plan 9 removes it when nobody has it open any more; here it goes when the process
// that opened it closes it or ends.

/// A file to be removed, and the descriptor whose close does that.
struct Removal {
  var descriptor = -1
  /// Its location, NUL-terminated, in memory of its own.
  var location: UnsafeMutableRawPointer?
}

extension Call {
  private var knownNames: UnsafeMutablePointer<NamesState>? {
    guard let state = process.pointee.names?.assumingMemoryBound(to: NamesState.self),
      state.pointee.pid == process.pointee.pid
    else { return nil }
    return state
  }

  /// Has the file at `location` removed when `descriptor` is closed.
  func removeLater(_ state: UnsafeMutablePointer<NamesState>, _ location: NameBytes, _ descriptor: Int) {
    guard state.pointee.removalCount < 8, let memory = persona_allocate(location.count + 1) else { return }
    memory.copyMemory(from: location.baseAddress!, byteCount: location.count)
    state.pointee.removals[state.pointee.removalCount] = Removal(descriptor: descriptor, location: memory)
    state.pointee.removalCount += 1
  }

  /// The process closes `descriptor`.
  func removeNow(_ descriptor: Int) {
    guard let state = knownNames, state.pointee.removalCount > 0 else { return }
    for index in 0..<state.pointee.removalCount where state.pointee.removals[index].descriptor == descriptor {
      remove(state, state.pointee.removals[index])
      state.pointee.removalCount -= 1
      state.pointee.removals[index] = state.pointee.removals[state.pointee.removalCount]
      return
    }
  }

  /// The process ends: removes what it would remove on closing, and gives the terminal its lines back.
  func closeNames() {
    guard let state = knownNames else { return }
    for index in 0..<state.pointee.removalCount { remove(state, state.pointee.removals[index]) }
    state.pointee.removalCount = 0
    if state.pointee.isRaw { setRaw(self, false) }
  }

  private func remove(_ state: UnsafeMutablePointer<NamesState>, _ removal: Removal) {
    let mark = thread.pointee.scratch_used
    defer { thread.pointee.scratch_used = mark }
    guard let memory = removal.location, var place = NamePlace(self) else { return }
    place.location.append(memory.assumingMemoryBound(to: UInt8.self).terminated)
    _ = removeFile(state, place, isFolder: false)
    persona_release(memory)
  }
}
