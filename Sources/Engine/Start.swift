import CEngine
import CWire
import Translation
import Wire

/// The engine's first function: leaves Linux's stack, which becomes the guest's.
@c(engine_start)
public func start(_ stack: UnsafeMutablePointer<UInt64>?) {
  var blocked = UInt64.max
  var inherited: UInt64 = 0
  withUnsafeMutablePointer(to: &blocked) { blocked in
    withUnsafeMutablePointer(to: &inherited) { inherited in
      _ = persona_syscall(
        Int64(__NR_rt_sigprocmask), 2 /* SIG_SETMASK */, UInt64(UInt(bitPattern: blocked)),
        UInt64(UInt(bitPattern: inherited)), 8, 0, 0)
    }
  }
  guard let thread = persona_thread_block() else { fatal("persona: no memory for the engine") }
  thread.pointee.context = UnsafeMutableRawPointer(stack)
  thread.pointee.saved_mask = inherited
  let top = UInt64(UInt(bitPattern: thread)) - 2048
  persona_on_stack(top, loadGuest, thread)
}

/// Loads the program by its plan and enters it.
private func loadGuest(_ argument: UnsafeMutableRawPointer?) {
  let thread = argument!.assumingMemoryBound(to: persona_thread.self)
  var linux = LinuxStack(thread.pointee.context.assumingMemoryBound(to: UInt64.self))
  let handed = linux.takeHandedOn()
  // An exec leaves a watch on the parent as it is (prctl(2)).
  if handed == nil { watchParent(expecting: nil) }
  let reply = handed ?? askForStart(thread)
  let process = persona_own_process(thread)!
  thread.pointee.process = process
  thread.pointee.alternate_flags = 4  // SS_DISABLE
  // The block is the first thread's: Linux clears `alive` when it ends.
  thread.pointee.tid = Int32(
    truncatingIfNeeded: persona_syscall(
      Int64(__NR_set_tid_address), UInt64(UInt(bitPattern: persona_alive_address(thread))), 0, 0, 0, 0, 0))
  process.pointee.pid = thread.pointee.tid
  process.pointee.owns_descriptors = 1
  process.pointee.leads_session = reply.pointee.leads_session
  if reply.pointee.leads_session < 0 {
    let session = persona_syscall(Int64(__NR_getsid), 0, 0, 0, 0, 0, 0)
    process.pointee.leads_session = session == Int64(process.pointee.pid) ? 1 : 0
  }
  process.pointee.plan = UnsafePointer(plan(reply, staysThere: handed != nil))
  mapTable(process, reply)
  mapLog(process, reply.pointee.log)
  let plan = UnsafeRawPointer(process.pointee.plan!)
  nameThread(plan)
  // A system whose processes have name spaces finds its tree by itself.
  if process.pointee.table.pointee.abi.entry_form != UInt8(PERSONA_ENTRY_TOS.rawValue), !enterRoot(process) {
    fatal("persona: no memory for the root's name")
  }
  if process.pointee.plan.pointee.state_bytes > 0 {
    let state = plan + Int(process.pointee.plan.pointee.state)
    guard takeUp(process, state, Int(process.pointee.plan.pointee.state_bytes)) else {
      fatal("persona: no memory for what the program before handed on")
    }
  }
  preparePatching(process)
  loadSegments(plan, process, reply.pointee.images)
  process.pointee.brk_start = process.pointee.plan.pointee.brk
  process.pointee.brk_end = process.pointee.plan.pointee.brk
  process.pointee.stack_top = linux.top
  var strings: UInt64 = 0
  let initial = buildStack(linux, plan, process, &strings)
  process.pointee.program_strings = strings
  inheritActions(thread, reply.pointee.ignored)
  findClock(linux.auxiliary(33 /* AT_SYSINFO_EHDR */), reply)
  // HWCAP2_FSGSBASE (asm/hwcap2.h)
  if (linux.auxiliary(26 /* AT_HWCAP2 */) ?? 0) & 2 != 0 { persona_use_fs_base() }
  if process.pointee.table.pointee.abi.entry_form == UInt8(PERSONA_ENTRY_TOS.rawValue) {
    join(thread, tos: strings, environment: UInt64(UInt(bitPattern: linux.envv)))
  }
  enter(thread, stack: initial, strings: strings, mask: thread.pointee.saved_mask)
}

// MARK: - Plan, table, log

private func askForStart(_ thread: UnsafeMutablePointer<persona_thread>) -> UnsafeMutablePointer<persona_start> {
  // There is no call yet that needs the scratch.
  let reply = (UnsafeMutableRawPointer(thread) + MemoryLayout<persona_thread>.stride)
    .assumingMemoryBound(to: persona_start.self)
  switch hypercall(PERSONA_HC_START, UInt64(UInt(bitPattern: reply))) {
  case 0...: return reply
  case -Int64(EMFILE): fatal("persona: the program cannot be handed over: too many open files; raise 'ulimit -n'")
  case -Int64(ENOENT), -Int64(ENOSYS): fatal("persona: the engine runs only under 'persona run'")
  default: fatal("persona: the program cannot be handed over by the supervisor")
  }
}

private func mapFile(
  _ file: Int32, _ size: UInt64, _ protection: Int32, shared: Bool, from offset: UInt64 = 0, _ what: StaticString
) -> UnsafeMutableRawPointer {
  guard let memory = persona_map_at(Int(size), 4096, protection, shared ? MAP_SHARED : MAP_PRIVATE, file, offset) else {
    fatal(what)
  }
  _ = persona_syscall(Int64(__NR_close), UInt64(file), 0, 0, 0, 0, 0)
  return memory
}

/// The plan in the reply, or in a file of its own if it is long: then there are 0 bytes of it in the reply.
///
/// - Parameter staysThere: the reply is there for good.
private func plan(
  _ reply: UnsafeMutablePointer<persona_start>, staysThere: Bool
) -> UnsafeMutablePointer<persona_plan> {
  let plan: UnsafeMutablePointer<persona_plan>
  let length = Int(reply.pointee.plan_bytes)
  if staysThere {
    plan = UnsafeMutableRawPointer(persona_start_plan(reply)!).assumingMemoryBound(to: persona_plan.self)
  } else if length > 0 {
    guard let memory = persona_allocate_forever(length) else { fatal("persona: no memory for the load plan") }
    memory.copyMemory(from: persona_start_plan(reply)!, byteCount: length)
    plan = memory.assumingMemoryBound(to: persona_plan.self)
  } else {
    let file = hypercall(PERSONA_HC_PLAN)
    var size = InlineArray<18, UInt64>(repeating: 0)  // Linux's struct stat
    let known = withUnsafeMutablePointer(to: &size) {
      persona_syscall(Int64(__NR_fstat), UInt64(bitPattern: file), UInt64(UInt(bitPattern: $0)), 0, 0, 0, 0)
    }
    if file < 0 || known < 0 { fatal("persona: the supervisor did not hand over the load plan", min(file, known)) }
    plan = mapFile(
      Int32(truncatingIfNeeded: file), size[6], PROT_READ, shared: false, "persona: cannot map the load plan"
    ).assumingMemoryBound(to: persona_plan.self)
  }
  guard plan.pointee.magic == UInt32(PERSONA_PLAN_MAGIC), plan.pointee.version == UInt32(PERSONA_PLAN_VERSION) else {
    fatal("persona: the engine and the supervisor are of different versions; install both anew")
  }
  return plan
}

private func mapTable(
  _ process: UnsafeMutablePointer<persona_process>, _ reply: UnsafePointer<persona_start>
) {
  let size = process.pointee.plan.pointee.table_size
  let table = mapFile(
    reply.pointee.table, size, PROT_READ, shared: false, from: reply.pointee.table_offset,
    "persona: cannot map the personality table")
  process.pointee.table = UnsafePointer(table.assumingMemoryBound(to: persona_table.self))
  guard process.pointee.table.pointee.magic == UInt32(PERSONA_TABLE_MAGIC),
    process.pointee.table.pointee.version == UInt32(PERSONA_TABLE_VERSION)
  else { fatal("persona: the personality table is not one that this engine reads") }
}

private func mapLog(_ process: UnsafeMutablePointer<persona_process>, _ file: Int32) {
  guard process.pointee.plan.pointee.flags & PERSONA_PLAN_LOG.rawValue != 0 else { return }
  let log = mapFile(
    file, process.pointee.plan.pointee.log_size, PROT_READ | PROT_WRITE,
    shared: true, "persona: cannot map the call log")
  process.pointee.log = log.assumingMemoryBound(to: persona_log_slot.self)
  process.pointee.logging = 1
}

private func nameThread(_ plan: UnsafeRawPointer) {
  let name = plan + Int(plan.assumingMemoryBound(to: persona_plan.self).pointee.name)
  _ = persona_syscall(Int64(__NR_prctl), UInt64(PR_SET_NAME), UInt64(UInt(bitPattern: name)), 0, 0, 0, 0)
}

// MARK: - Image

private func loadSegments(
  _ plan: UnsafeRawPointer, _ process: UnsafeMutablePointer<persona_process>, _ images: (Int32, Int32)
) {
  let head = plan.assumingMemoryBound(to: persona_plan.self)
  let segments = (plan + Int(head.pointee.segments)).assumingMemoryBound(to: persona_segment.self)
  for image in 0..<head.pointee.image_count {
    let file = image == 0 ? images.0 : images.1
    for index in 0..<Int(head.pointee.segment_count) where segments[index].image == image {
      load(segments[index], UInt64(file))
    }
    patchImage(process, image, UInt64(file))
    if head.pointee.header_count > 0 { prepareImage(process, image, Int(file)) }
    _ = persona_syscall(Int64(__NR_close), UInt64(file), 0, 0, 0, 0, 0)
  }
}

private func load(_ segment: persona_segment, _ file: UInt64) {
  let page: UInt64 = 4096
  let protection = UInt64(segment.protection)
  let inFile = (segment.file_length + page - 1) & ~(page - 1)
  let fixed = UInt64(MAP_FIXED_NOREPLACE | MAP_PRIVATE)
  if inFile > 0, segment.file_offset % page != 0 {
    readSegment(segment, inFile, file)
  } else if inFile > 0 {
    let tail = inFile - segment.file_length
    let zeroTail = tail > 0 && segment.length > segment.file_length && protection & UInt64(PROT_WRITE) != 0
    let mapped = persona_syscall(
      Int64(__NR_mmap), segment.address, inFile, protection, fixed, file, segment.file_offset)
    if mapped != Int64(segment.address) { fatal("persona: cannot map the program at its addresses", mapped) }
    if zeroTail {
      let start = UnsafeMutableRawPointer(bitPattern: UInt(segment.address + segment.file_length))!
      start.initializeMemory(as: UInt8.self, repeating: 0, count: Int(tail))
    }
  }
  guard segment.length > inFile else { return }
  let rest = segment.address + inFile
  let mapped = persona_syscall(
    Int64(__NR_mmap), rest, segment.length - inFile, protection, fixed | UInt64(MAP_ANONYMOUS),
    UInt64.max, 0)
  if mapped != Int64(rest) { fatal("persona: cannot map the program's data at its addresses", mapped) }
}

/// A segment whose bytes do not begin on a page of the file.
private func readSegment(_ segment: persona_segment, _ length: UInt64, _ file: UInt64) {
  let protection = UInt64(segment.protection)
  let flags = UInt64(MAP_FIXED_NOREPLACE | MAP_PRIVATE | MAP_ANONYMOUS)
  let mapped = persona_syscall(
    Int64(__NR_mmap), segment.address, length, UInt64(PROT_READ | PROT_WRITE), flags, UInt64.max, 0)
  if mapped != Int64(segment.address) { fatal("persona: cannot map the program's data at its addresses", mapped) }
  var done: UInt64 = 0
  while done < segment.file_length {
    let count = persona_syscall(
      Int64(__NR_pread64), file, segment.address + done, segment.file_length - done,
      segment.file_offset + done, 0, 0)
    if count <= 0 { fatal("persona: cannot read the program", count) }
    done += UInt64(count)
  }
  _ = persona_syscall(Int64(__NR_mprotect), segment.address, length, protection, 0, 0, 0)
}

// MARK: - Entry

/// Switches to the guest's first instruction with the registers that its ABI promises.
private func enter(
  _ thread: UnsafeMutablePointer<persona_thread>, stack: UInt64, strings: UInt64, mask: UInt64
) -> Never {
  let process = thread.pointee.process!
  let abi = process.pointee.table.pointee.abi
  useSignalStack(thread)
  let hasOwnState = abi.entry_form == UInt8(PERSONA_ENTRY_TOS.rawValue)
  let context = hasOwnState ? freshContext(thread) : TrapContext(persona_patched_registers(thread)!)
  context[PERSONA_RIP] = process.pointee.plan.pointee.entry
  context[PERSONA_RSP] = ((stack - 8) & ~15) + UInt64(abi.entry_padding)
  context[PERSONA_FLAGS] = 0x202
  if hasOwnState {
    let area = UnsafeMutableRawPointer(context.words) - 1024
    beginFloatingPoint(area, 512)
    context.floatingPoint = UInt64(UInt(bitPattern: area))
    context[PERSONA_RSP] = stack
    context[number: abi.entry_stack] = strings
  } else if abi.entry_stack == UInt8(PERSONA_NO_REGISTER.rawValue) {
    context[PERSONA_RSP] = stack
  } else {
    context[number: abi.entry_stack] = stack
  }
  if abi.entry_strings != UInt8(PERSONA_NO_REGISTER.rawValue) {
    context[number: abi.entry_strings] = strings
  }
  context.mask = mask
  let armed = armUserDispatch()
  if armed < 0 { fatal("persona: this kernel lacks syscall user dispatch (Linux 5.11); see 'persona doctor'", armed) }
  if hasOwnState { persona_resume(context.words) }
  // The floating-point state is that which Linux begins a program with: the engine has not touched it.
  thread.pointee.mask_known = PERSONA_MASK_DIFFERS.rawValue
  thread.pointee.whole = PERSONA_WHOLE.rawValue
  persona_leave()
}

/// A ucontext at the top of the thread's signal stack, with Linux's user segments and a clean FPU.
func freshContext(_ thread: UnsafeMutablePointer<persona_thread>) -> TrapContext {
  let top = UnsafeMutableRawPointer(thread) - 1024
  top.initializeMemory(as: UInt8.self, repeating: 0, count: 1024)
  let context = TrapContext(top)
  let stack = signalStack(thread)
  context.words[0] = 0x6  // UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS
  (context.words[2], context.words[3], context.words[4]) = stack
  context.segments = 0x002b_0000_0000_0033
  context[PERSONA_FLAGS] = 0x202
  return context
}
