import BinaryImage
import CHost
import CWire
import CallLog
import Glibc
import HostText

extension Session {
  /// Receives one hypercall and answers it.
  func answerHypercall() {
    var request = seccomp_notif()
    guard persona_receive(filter.listener, &request) == 0 else { return }
    if request.data.nr != Int32(PERSONA_HYPERCALL) { return answerNativeExec(request) }
    if request.data.args.0 == UInt64(PERSONA_HC_JOIN.rawValue) { return answerJoin(request, request.data.args.1) }
    guard
      request.data.instruction_pointer >= UInt64(PERSONA_RESERVED_START),
      request.data.instruction_pointer < UInt64(PERSONA_RESERVED_END)
    else {
      // A Linux program tried the number: to it, it is none.
      respond(request, -Int64(ENOSYS))
      return
    }
    let first = request.data.args.1
    switch persona_hypercall(UInt32(truncatingIfNeeded: request.data.args.0)) {
    case PERSONA_HC_START: answerStart(request, first)
    case PERSONA_HC_PLAN: answerPlan(request)
    case PERSONA_HC_EXEC: answerExec(request, first)
    case PERSONA_HC_LOG_DRAIN:
      // All rings, so that times stay in order; the guest goes on while what was in them is written.
      guard let log else { return respond(request, 0) }
      log.drain { respond(request, 0) }
    case PERSONA_HC_PING: respond(request, 0)
    case PERSONA_HC_SESSION: handOver(request, sharedMemory(first))
    case PERSONA_HC_FOLDER: handOver(request, folder.descriptor)
    case PERSONA_HC_KEEP: respond(request, kept.keep(pid_t(request.pid), Int32(truncatingIfNeeded: first)))
    case PERSONA_HC_GIVE: handOver(request, kept[first])
    case PERSONA_HC_DROP:
      kept.drop(first)
      respond(request, 0)
    case PERSONA_HC_FATAL: report(request, first, request.data.args.2)
    case PERSONA_HC_PARENT: respond(request, Int64(parentAtHome(of: Int32(truncatingIfNeeded: first))))
    case PERSONA_HC_SITE: answerSite(request, first)
    default: respond(request, -Int64(ENOSYS))
    }
  }

  func respond(_ request: seccomp_notif, _ value: Int64) {
    _ = persona_respond(filter.listener, request.id, value)
  }

  /// Answers with a descriptor in the guest for `file`.
  private func handOver(_ request: seccomp_notif, _ file: Int32?) {
    guard let file else {
      respond(request, -Int64(ENOENT))
      return
    }
    let result = persona_hand_over(filter.listener, request.id, file, 1)
    if result < 0 { respond(request, Int64(result)) }
  }

  /// Hands over all that the engine needs to begin, in one answer.
  private func answerStart(_ request: seccomp_notif, _ address: UInt64) {
    let pid = Int32(request.pid)
    guard let guest = startingGuest(pid) else {
      respond(request, -Int64(ENOENT))
      return
    }
    var failure: Int32 = 0
    func give(_ file: Int32?) -> Int32 {
      guard let file, failure == 0 else { return -1 }
      let descriptor = persona_hand_over(filter.listener, request.id, file, 0)
      if descriptor < 0 { failure = descriptor }
      return descriptor
    }
    let files = guest.image.files
    var reply = persona_start()
    reply.table = give(guest.image.personality.table)
    reply.table_offset = guest.image.personality.tableOffset
    reply.log = give(logMemory?.file)
    reply.images = (give(files.first), give(files.count > 1 ? files[1] : nil))
    reply.ignored = guest.ignored
    reply.leads_session = -1
    let plan = guest.image.plan.serialized()
    let room = Int(PERSONA_PLAN_ROOM)
    if plan.count <= room {
      reply.plan_bytes = UInt32(plan.count)
      plan.withUnsafeBytes { _ = memcpy(persona_start_plan(&reply), $0.baseAddress!, $0.count) }
      forgetStart(pid)
    }
    let size = MemoryLayout<persona_start>.size - room + Int(reply.plan_bytes)
    if failure == 0 {
      failure = withUnsafeBytes(of: &reply) { persona_write_memory(pid, address, $0.baseAddress!, size) }
    }
    respond(request, Int64(failure))
  }

  /// A plan that did not fit into the first answer.
  private func answerPlan(_ request: seccomp_notif) {
    guard let guest = startingGuest(pid_t(request.pid)) else {
      respond(request, -Int64(ENOENT))
      return
    }
    defer { forgetStart(guest.pid) }
    let file = guest.image.plan.serialized().withUnsafeBytes {
      persona_memory_file("persona-plan", $0.baseAddress!, $0.count)
    }
    guard file >= 0 else {
      respond(request, Int64(file))
      return
    }
    handOver(request, file)
    close(file)
  }

  /// The memory that the session's guests share, made when the first of them asks.
  private func sharedMemory(_ size: UInt64) -> Int32? {
    if shared < 0, size <= 1 << 30 { shared = persona_shared_file("persona-session", Int(size)) }
    return shared >= 0 ? shared : nil
  }

  private func report(_ request: seccomp_notif, _ address: UInt64, _ length: UInt64) {
    var text = [UInt8](repeating: 0, count: Int(min(length, 512)))
    let result = text.withUnsafeMutableBytes {
      persona_read_memory(pid_t(request.pid), address, $0.baseAddress!, $0.count)
    }
    if result == 0 {
      var line = String(host: text)
      if !line.hasPrefix("persona: ") { line = "persona: " + line }
      Host.printError(line)
    }
    respond(request, 0)
  }

  // MARK: Exec

  func answerExec(_ request: seccomp_notif, _ address: UInt64, by executor: Launch.Executor = .foreign) {
    var exec = persona_exec()
    let pid = pid_t(request.pid)
    let head = MemoryLayout<persona_exec>.size - Int(PERSONA_PREFIX_ROOM)
    var result = withUnsafeMutableBytes(of: &exec) {
      persona_read_memory(pid, address, $0.baseAddress!, head)
    }
    guard result == 0 else {
      respond(request, Int64(result))
      return
    }
    decide(&exec, request, executor)
    let size = exec.prefix_count > 0 ? MemoryLayout<persona_exec>.size : head
    result = withUnsafeBytes(of: &exec) { persona_write_memory(pid, address, $0.baseAddress!, size) }
    respond(request, Int64(result))
  }

  /// Fills in what becomes of an exec: a Linux program, a guest, or an errno.
  private func decide(_ exec: inout persona_exec, _ request: seccomp_notif, _ executor: Launch.Executor) {
    exec.verdict = Int32(PERSONA_EXEC_NATIVE.rawValue)
    let pid = pid_t(request.pid)
    var opened: Int32 = -1
    let path = withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(PATH_MAX)) { buffer in
      opened = persona_open_guest_file(pid, exec.file, buffer.baseAddress!, buffer.count)
      return String(host: buffer.baseAddress!)
    }
    guard !path.isEmpty else {
      if opened >= 0 { close(opened) }
      return refuse(&exec, EACCES)
    }
    let root = root(exec, pid)
    let file: ProgramFile
    do {
      guard opened >= 0 else { return }
      file = try ProgramFile(opened: opened, hostPath: path, path: root?.guestPath(of: path) ?? path, recognizer)
    } catch {
      // A broken script is not Linux's either, which would shorten a line that is too long for it.
      if error.guestError == ENOEXEC { return refuse(&exec, ENOEXEC) }
      // Linux knows more kinds of programs than Persona does, and its errors are the guest's.
      return
    }
    do {
      let address = exec.path
      try prepare(&exec, file, root, request, by: executor, remembers: true) { address == 0 ? path : text(pid, address) ?? path }
    } catch {
      Host.printError(error.description)
      refuse(&exec, error.guestError ?? (error.status == .notFound ? ENOENT : ENOEXEC))
    }
  }

  func refuse(_ exec: inout persona_exec, _ error: Int32) {
    exec.verdict = Int32(PERSONA_EXEC_REFUSED.rawValue)
    exec.error = error
  }

  /// What any system says of a script that it cannot execute, without a word on standard error: of its interpreter, and
  /// that this is a script, too.
  private var ofScripts: [Int32] { [ENOENT, ENOTDIR, EACCES, ELOOP, ENOEXEC] }

  /// Decides about a file that is open, and keeps what the engine will ask for about a guest.
  ///
  /// - Parameters:
  ///   - remembers: whether guests may execute it by themselves from now on.
  ///   - given: tells the path as the guest wrote it: a script's argv names it so.
  func prepare(
    _ exec: inout persona_exec, _ file: consuming ProgramFile, _ root: FileRoot?, _ request: seccomp_notif,
    by executor: Launch.Executor, remembers: Bool, given: () -> String
  ) throws(LaunchError) {
    let isConfined = root?.isConfining ?? false
    if case .unknown = file.image.format { return }
    let isScript = if case .script = file.image.format { true } else { false }
    let isUnknown = !isScript && file.origin(recognizer).system == nil
    let named = exec.choice == 0 ? nil : text(pid_t(request.pid), exec.choice).flatMap { PersonalityChoice($0) }
    let choice = named ?? (isUnknown ? configuration.personality : nil)
    if isUnknown, choice == nil { return isConfined ? refuse(&exec, ENOEXEC) : () }
    let launch: Launch
    do {
      launch = try Launch(
        file, arguments: isScript ? [given()] : [], choice: choice, root: root,
        recognizer: recognizer, release: release, process: pid_t(request.pid), by: executor)
    } catch {
      guard isScript, let code = error.guestError, ofScripts.contains(code) else { throw error }
      return executor == .linux && !isConfined ? () : refuse(&exec, code)
    }
    guard case .foreign(let name) = launch.recognition else {
      // Nothing would hold a Linux program to the root.
      if isConfined { return refuse(&exec, ENOEXEC) }
      if remembers, !isScript, choice == nil, let identity = launch.program.identity { decided?.add(native: identity) }
      return
    }
    let image = try GuestImage(
      launch, personality(name, launch.edition), log: log != nil, configuration: configuration,
      root: launch.root, programs: decided, state: state(exec, pid_t(request.pid)))
    let engine = persona_hand_over(filter.listener, request.id, self.engine, 0)
    guard engine >= 0 else { return refuse(&exec, -engine) }
    if remembers, !isScript, exec.state == 0, exec.choice == 0, launch.root == root { remember(launch, image) }
    begin(exec.pid, image, ignored: exec.ignored)
    exec.verdict = Int32(PERSONA_EXEC_FOREIGN.rawValue)
    exec.engine = engine
    if isScript { setPrefix(&exec, launch.arguments) }
  }

  /// Lets guests execute a program without asking, when it is not the first time and all that was decided by is files.
  private func remember(_ launch: borrowing Launch, _ image: borrowing GuestImage) {
    guard let decided, let identity = launch.program.identity else { return }
    var linker: (FileIdentity, String)?
    switch launch.interpreter {
    case .some(let file):
      guard let identity = file.identity else { return }
      linker = (identity, file.hostPath)
    case .none: break
    }
    decided.add(
      identity, path: launch.program.hostPath, linker: linker, root: launch.root, plan: image.plan, table: image.personality,
      engine: engine)
  }

  /// What the program hands on to the next one.
  private func state(_ exec: persona_exec, _ pid: pid_t) throws(LaunchError) -> [UInt8] {
    guard exec.state != 0 else { return [] }
    var bytes = [UInt8](repeating: 0, count: Int(min(exec.state_bytes, UInt64(PERSONA_STATE_LIMIT))))
    let result = bytes.withUnsafeMutableBytes {
      persona_read_memory(pid, exec.state, $0.baseAddress!, $0.count)
    }
    guard result == 0 else {
      throw LaunchError(.ours, "what a program hands on to the next cannot be read", remedy: "run it again")
    }
    return bytes
  }

  /// Where the program's own paths are looked up.
  private func root(_ exec: persona_exec, _ pid: pid_t) -> FileRoot? {
    guard exec.root != 0 else { return configuration.root }
    return text(pid, exec.root).map { FileRoot(path: $0, isConfining: exec.is_confined != 0) }
  }

  /// NUL-terminated text of a guest.
  func text(_ pid: pid_t, _ address: UInt64) -> String? {
    var bytes: [UInt8] = []
    var address = address
    while bytes.count < Int(PATH_MAX) {
      // Up to the end of the page, so that the next one need not exist.
      let count = Int(4096 - address % 4096)
      var piece = [UInt8](repeating: 0, count: count)
      let result = piece.withUnsafeMutableBytes { persona_read_memory(pid, address, $0.baseAddress!, count) }
      guard result == 0 else { return nil }
      if let end = piece.firstIndex(of: 0) {
        bytes += piece[..<end]
        return String(host: bytes)
      }
      bytes += piece
      address += UInt64(count)
    }
    return nil
  }

  private func setPrefix(_ exec: inout persona_exec, _ words: [String]) {
    var bytes: [UInt8] = []
    for word in words { bytes += word.hostBytes + [0] }
    guard bytes.count <= Int(PERSONA_PREFIX_ROOM) else { return refuse(&exec, E2BIG) }
    bytes.withUnsafeBytes { _ = memcpy(persona_exec_prefix(&exec), $0.baseAddress!, $0.count) }
    exec.prefix_count = UInt32(words.count)
  }
}
