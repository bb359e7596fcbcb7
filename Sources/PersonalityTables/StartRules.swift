/// What the start of a program needs of one edition, beside its compiled table.
public struct StartRules: Sendable, Equatable {
  /// The release that programs are told.
  public var release: UInt32
  /// Where programs are put.
  public var load: LoadRules
  public var auxiliary: [AuxiliaryRule]
}

/// One entry of the auxiliary vector: its type as the foreign system numbers it, and where its value comes from.
public struct AuxiliaryRule: Sendable, Equatable {
  public var type: UInt32
  public var source: AuxiliarySource

  public init(type: UInt32, source: AuxiliarySource) {
    self.type = type
    self.source = source
  }
}

extension Personality {
  public var startRules: StartRules {
    StartRules(
      release: release, load: load, auxiliary: auxv.map { AuxiliaryRule(type: $0.type, source: $0.source) })
  }
}

// MARK: - As records

extension StartRules {
  func write(to writer: inout RecordWriter) {
    writer.add(UInt64(release))
    load.write(to: &writer)
    writer.add(auxiliary) { rule, writer in
      writer.add(UInt64(rule.type))
      let (kind, number) = rule.source.record
      writer.add(kind)
      writer.add(number)
    }
  }

  init(from reader: inout RecordReader) {
    release = reader.narrow()
    load = LoadRules(from: &reader)
    auxiliary = reader.items { reader in
      AuxiliaryRule(type: reader.narrow(), source: AuxiliarySource(kind: reader.word(), number: reader.word()))
    }
  }
}

extension LoadRules {
  fileprivate func write(to writer: inout RecordWriter) {
    for word in [base, dataRoom, pageSizes, stackProtection] { writer.add(word) }
    writer.add(passesHeaders)
    writer.add(bound) { $0.write(to: &$1) }
  }

  fileprivate init(from reader: inout RecordReader) {
    self.init()
    (base, dataRoom, pageSizes, stackProtection) = (reader.word(), reader.word(), reader.word(), reader.word())
    passesHeaders = reader.flag()
    bound = reader.items { BoundFolder(from: &$0) }
  }
}

extension BoundFolder {
  func write(to writer: inout RecordWriter) {
    writer.add(folder)
    writer.add(name)
  }

  init(from reader: inout RecordReader) {
    folder = reader.text()
    name = reader.text()
  }
}

extension AuxiliarySource {
  /// Those without a number, in the order of their record's kinds.
  private static let plain: [AuxiliarySource] = [
    .path, .release, .ncpus, .pagesizes, .pagesizesLength, .argc, .argv, .envc, .envv, .psStrings, .stackBase, .stackLimit,
    .phdr, .phent, .phnum, .base, .entry, .ehdrFlags, .stackProtection,
  ]

  fileprivate var record: (kind: UInt64, number: UInt64) {
    switch self {
    case .number(let number): (0, number)
    case .linux(let type): (1, type)
    case .random(let bytes): (2, bytes)
    case .randomLength(let bytes): (3, bytes)
    default: (4 + UInt64(AuxiliarySource.plain.firstIndex(of: self)!), 0)
    }
  }

  fileprivate init(kind: UInt64, number: UInt64) {
    self =
      switch kind {
      case 1: .linux(number)
      case 2: .random(number)
      case 3: .randomLength(number)
      case 4..<4 + UInt64(AuxiliarySource.plain.count): AuxiliarySource.plain[Int(kind) - 4]
      default: .number(number)
      }
  }
}
