import CEngine
import CWire
import Translation
import Wire

// The signal actions that a program begins with. Ignored signals stay ignored over an exec; all else starts as the
// personality's default.

/// Linux signals that can be caught, but for the engine's own; bit n-1 is signal n, as in all sets here.
private let ordinary: UInt64 = 0x7fff_ffff_fffb_feff

func bit(_ native: Int32) -> UInt64 { 1 << UInt64(native - 1) }

private func forEach(_ signals: UInt64, _ body: (Int32) -> Void) {
  var rest = signals
  while rest != 0 {
    body(Int32(rest.trailingZeroBitCount) + 1)
    rest &= rest - 1
  }
}

/// Those that only the personality ignores by default.
private func ignoredByDefault(_ table: Table) -> UInt64 {
  table.header.pointee.signals_ignored & ordinary & ~ignoredByLinux
}

/// What the next program, before an exec, need not ask Linux for.
func tellIgnored(_ process: UnsafeMutablePointer<persona_process>) -> persona_ignored {
  let table = Table(UnsafeRawPointer(process.pointee.table))
  // Notes have actions of their own.
  if table.frame == .note_frame { return persona_ignored() }
  let actions = persona_actions(process)!
  // Those that the personality lacks are as they were.
  var (ignored, byLinux) = (process.pointee.ignored_unknown, process.pointee.ignored_unknown)
  let areDefaultsKnown = process.pointee.signals_watched == (0, 0, 0) && process.pointee.spares_writers == 0
  if areDefaultsKnown { byLinux |= ignoredByDefault(table) }
  forEach(table.header.pointee.signals_known & ordinary) { native in
    let foreign = table.foreignSignal(Int(native))
    let handler = actions[foreign].handler
    if handler == 0, areDefaultsKnown { return }
    if handler == 1 { ignored |= bit(native) }
    byLinux &= ~bit(native)
    if kernelAction(process, foreign, native).handler == 1 { byLinux |= bit(native) }
  }
  return persona_ignored(by_guest: ignored, by_linux: byLinux, is_known: 1)
}

/// Takes over what is ignored, and installs what the engine itself and the personality's defaults need.
func inheritActions(_ thread: UnsafeMutablePointer<persona_thread>, _ told: persona_ignored) {
  let process = thread.pointee.process!
  let table = Table(UnsafeRawPointer(process.pointee.table))
  let actions = persona_actions(process)!
  var (ignored, byLinux) = (told.by_guest, told.by_linux)
  if told.is_known == 0 {
    byLinux = askIgnored()
    ignored = byLinux
  }
  let known = table.header.pointee.signals_known & ordinary
  forEach(ignored & known) { actions[table.foreignSignal(Int($0))].handler = 1 }
  forEach(((ignored | ignoredByDefault(table)) ^ byLinux) & known) { native in
    _ = persona_install_action(thread, Int32(table.foreignSignal(Int(native))), native)
  }
  // Mostly nothing is: what is not written needs no page.
  if ignored & ~known != 0 { process.pointee.ignored_unknown = ignored & ~known }
  if table.frame == .note_frame { catchNotes(table) }
  let own: InlineArray<4, Int> = [7, 11, Int(ThreadRequest.signal), Int(parentDied)]
  for index in own.indices {
    var action = engineAction()
    setKernelAction(own[index], &action)
  }
  installTrap()
}

private func askIgnored() -> UInt64 {
  var ignored: UInt64 = 0
  forEach(ordinary) { native in
    var kernel = KernelAction()
    _ = withUnsafeMutablePointer(to: &kernel) {
      persona_syscall(Int64(__NR_rt_sigaction), UInt64(native), 0, UInt64(UInt(bitPattern: $0)), 8, 0, 0)
    }
    if kernel.handler == 1 { ignored |= bit(native) }
  }
  return ignored
}
