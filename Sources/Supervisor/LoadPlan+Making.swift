import BinaryImage
import CWire
import PersonalityTables

extension LoadPlan {
  /// Lays out a program, and its run-time linker when it has one.
  ///
  /// - Parameters:
  ///   - interpreter: the image that the program's PT_INTERP names; nil for a static program.
  ///   - auxiliary: the personality's auxiliary vector.
  public static func make(
    program: Image, interpreter: Image? = nil, auxiliary: [AuxiliaryRule], options: LoadOptions
  ) throws(LoadPlanError) -> LoadPlan {
    guard program.bigEndianAOut?.isWide != false else {
      throw LoadPlanError(
        .wrongArchitecture, "is \(program.format.displayName)",
        remedy: "this version runs such programs for amd64 only; get that build of the program")
    }
    var placed = try PlacedImage(program, index: 0)
    // A position-independent program is moved only if its first segment lies at 0 (sys/kern/imgact_elf.c).
    let isMovable = program.elf?.isRelocatable == true && placed.segments.map(\.address).min() == 0
    let base = isMovable ? options.rules.base.rounded(up: placed.alignment) : 0
    try placed.place(at: base, minimumAddress: options.minimumAddress, beside: [])

    var plan = LoadPlan()
    plan.path = options.path
    plan.isLogged = options.isLogged
    plan.tableSize = options.tableSize
    plan.logSize = options.logSize
    plan.segments = placed.segments
    plan.entry = placed.entry
    plan.brk = placed.segments.filter { $0.protection & 2 != 0 }.map(\.end).max() ?? placed.end
    var linkerBase = base
    if options.rules.passesHeaders { plan.addHeaders(of: program, placed, image: 0) }
    if let interpreter {
      let linker = try placeLinker(interpreter, after: placed, options)
      if options.rules.passesHeaders { plan.addHeaders(of: interpreter, linker, image: 1) }
      plan.segments += linker.segments
      plan.entry = linker.entry
      plan.imageCount = 2
      linkerBase = linker.bias
    }
    plan.auxiliary = auxiliary.map { rule in
      Auxiliary(type: rule.type, value: value(of: rule.source, program, placed, linkerBase, options))
    }
    return plan
  }

  private mutating func addHeaders(of image: Image, _ placed: PlacedImage, image index: UInt32) {
    for header in image.elf?.programHeaders ?? [] {
      var header = header
      header.address &+= placed.bias
      headers.append(PlacedHeader(header: header, bias: placed.bias, image: index))
    }
  }

  /// Puts the run-time linker after the room for the program's data, or where there is
  /// place.
  private static func placeLinker(
    _ interpreter: Image, after program: PlacedImage, _ options: LoadOptions
  ) throws(LoadPlanError) -> PlacedImage {
    let linker: PlacedImage
    do {
      linker = try PlacedImage(interpreter, index: 1)
    } catch {
      throw LoadPlanError(
        error.code, "its run-time linker cannot be loaded: \(error.cause)", remedy: error.remedy)
    }
    guard interpreter.elf?.isRelocatable == true else {
      var fixed = linker
      try fixed.place(at: 0, minimumAddress: options.minimumAddress, beside: program.segments)
      return fixed
    }
    var failure: LoadPlanError?
    for start in [program.end + options.rules.dataRoom, 0x8_0000_0000, 0x2000_0000_0000, 0x7000_0000_0000] {
      var candidate = linker
      do {
        try candidate.place(
          at: start.rounded(up: linker.alignment), minimumAddress: options.minimumAddress,
          beside: program.segments)
        return candidate
      } catch {
        failure = failure ?? error
      }
    }
    throw failure
      ?? LoadPlanError(
        .addressTaken, "there is no room for its run-time linker", remedy: "link it statically")
  }

  private static func value(
    of source: AuxiliarySource, _ program: Image, _ placed: PlacedImage, _ linkerBase: UInt64,
    _ options: LoadOptions
  ) -> Auxiliary.Value {
    let elf = program.elf
    let pageSizes = options.rules.pageSizes
    switch source {
    case .number(let value): return .literal(value)
    case .linux(let type): return .linux(type)
    case .path: return .path
    case .random(let count): return .engine(PERSONA_AUXV_RANDOM, count)
    case .randomLength(let count): return .literal(count)
    case .release: return .literal(UInt64(options.release))
    case .ncpus: return .engine(PERSONA_AUXV_NCPUS, 0)
    case .pagesizes: return .engine(PERSONA_AUXV_PAGESIZES, pageSizes)
    case .pagesizesLength: return .literal(pageSizes * 8)
    case .argc: return .engine(PERSONA_AUXV_ARGC, 0)
    case .argv: return .engine(PERSONA_AUXV_ARGV, 0)
    case .envc: return .engine(PERSONA_AUXV_ENVC, 0)
    case .envv: return .engine(PERSONA_AUXV_ENVV, 0)
    case .psStrings: return .engine(PERSONA_AUXV_PS_STRINGS, 0)
    case .stackBase: return .engine(PERSONA_AUXV_STACK_BASE, 0)
    case .stackLimit: return .engine(PERSONA_AUXV_STACK_LIMIT, 0)
    case .phdr: return .literal(placed.programHeaders)
    case .phent: return .literal(56)
    case .phnum: return .literal(UInt64(elf?.programHeaders.count ?? 0))
    case .base: return .literal(linkerBase)
    case .entry: return .literal(placed.entry)
    case .ehdrFlags: return .literal(UInt64(elf?.flags ?? 0))
    case .stackProtection:
      return .literal(elf?.stackFlags.map { UInt64(PlacedImage.protection($0)) } ?? options.rules.stackProtection)
    }
  }
}

extension UInt64 {
  /// The next multiple of a power of two; the largest one below the end if there is none.
  func rounded(up alignment: UInt64) -> UInt64 {
    let (sum, overflow) = addingReportingOverflow(alignment - 1)
    return (overflow ? UInt64.max : sum) & ~(alignment - 1)
  }
}
