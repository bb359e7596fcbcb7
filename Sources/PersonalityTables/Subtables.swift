import Wire

/// What a request or an option becomes.
public enum RequestAction: Sendable, Equatable {
  /// Linux's of the same name.
  case same
  case name(String)
  case number(UInt64)
  case handler(String)
  case unsupported(errno: String, reason: String)
}

/// An ioctl request.
public struct IOControl: Sendable {
  public var number: UInt64
  public var name: String
  /// Nil: no argument. A scalar or a map: a plain value; else a pointer.
  public var argument: ArgumentType?
  public var action: RequestAction
  public var position: Position
  var actionPosition: Position
}

/// `sockopt LEVEL NUMBER { … }`.
public struct SocketLevel: Sendable {
  public var name: String
  public var number: UInt32
  /// Linux's level where it is named or numbered differently.
  public var native: Mapping.Target
  public var options: [SocketOption] = []
  public var position: Position
}

public struct SocketOption: Sendable {
  public var number: UInt32
  public var name: String
  /// What the option's buffer holds.
  public var value: PointeeType
  public var action: RequestAction
  public var position: Position
  var actionPosition: Position
}

public enum SysctlKind: String, Sendable, CaseIterable {
  case node, int, uint, long, ulong, s64, u64, string, opaque
}

public enum SysctlValue: Sendable, Equatable {
  case none
  case number(Int64)
  case text(String)
  /// `HostValue` of this name.
  case host(String)
}

public struct SystemControl: Sendable {
  public var name: String
  public var mib: [UInt32]
  public var kind: SysctlKind
  public var value: SysctlValue
  public var isWritable: Bool
  public var position: Position
  var valuePosition: Position
}

/// A variable that the system has and the host has no true value for: the name is unknown, and the log tells why.
public struct RefusedControl: Sendable {
  public var name: String
  public var reason: String
  public var position: Position
}

/// Where an auxiliary vector entry's value comes from (docs/personalities.md, "Auxiliary vector").
public enum AuxiliarySource: Sendable, Equatable {
  case number(UInt64)
  /// Linux's own entry of this type; left out when absent.
  case linux(UInt64)
  case path
  case random(UInt64)
  case randomLength(UInt64)
  case release, ncpus, pagesizes, pagesizesLength, argc, argv, envc, envv, psStrings, stackBase, stackLimit
  case phdr, phent, phnum, base, entry, ehdrFlags, stackProtection
}

public struct AuxiliaryEntry: Sendable {
  public var type: UInt32
  public var name: String
  public var source: AuxiliarySource
  public var position: Position
}

/// `abi NAME { … }`: how calls are made; registers are numbered as `enum persona_register`.
public struct CallABI: Sendable {
  public enum Trap: Sendable, Equatable {
    case syscall
    case interrupt(UInt8)
    case callGate(selector: UInt16, offset: UInt32)
  }
  public enum ErrorConvention: Sendable { case carry, negative, message }
  /// What the stack holds at entry: `enum persona_entry_form`.
  public enum EntryForm: Sendable { case vectors, topOfStack }

  public var name: String
  public var trap: Trap = .syscall
  public var number: UInt8 = 255
  public var arguments: [UInt8] = []
  public var result: UInt8 = 255
  public var second: UInt8 = 255
  public var error: ErrorConvention = .carry
  /// Bytes from the stack pointer to the first argument on the stack.
  public var stackOffset = 0
  /// Bytes of a long, a pointer and a stack word.
  public var word = 8
  /// The register that holds the initial stack at entry; 255 for none.
  public var entryStack: UInt8 = 255
  /// The register that holds the address of the BSDs' struct ps_strings at entry; 255 for none.
  public var entryStrings: UInt8 = 255
  /// How signal handlers are entered.
  public var frame = FrameName.none
  public var entryForm: EntryForm = .vectors
  /// e_machine of the ELF programs that are served by it, or the magic number of those in other formats; nil for any.
  public var machine: UInt16?
  /// Bytes that the stack pointer lies below a 16-byte boundary at entry.
  public var entryPadding = 0
  public var position: Position
}
