/// How a personality enters a signal handler and takes the interrupted context back; `frame NAME` in the
/// table's `abi` chooses. A case is spelled as the table spells it, after the foreign structure on the stack.
///
/// Each is a type that conforms to `SignalFrame` in Sources/Translation/Handlers.
public enum FrameName: UInt8, CaseIterable, Sendable {
  /// The personality has no signal handlers.
  case none
  case siginfo_frame
  case sigframe
  case sigcontext_frame
  /// Notes in words, which a process takes one by one: no signals that have actions, and so no SignalFrame.
  case note_frame
}
