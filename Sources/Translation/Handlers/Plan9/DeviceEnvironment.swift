import CEngine
import CWire

// #e: the environment's files; sys/src/9/port/devenv.c. Each group has a folder in the session's own, and each variable
// is a file there, which Linux reads and writes.

/// Maxenvsize of devenv.c.
private let largestVariable = 16300

extension Call {
  /// Where Linux keeps variable `name` of the process's environment; the folder itself for no name.
  func environmentPath(_ state: UnsafeMutablePointer<NamesState>, _ name: NameBytes) -> NameText? {
    guard var path = folderPath(state, environmentGroup) else { return nil }
    if state.pointee.environment != environmentGroup &+ 1 {
      if quietly(__NR_mkdirat, Int(AT_FDCWD), path.word, 0o700) == 0 { fillEnvironment(path) }
      state.pointee.environment = environmentGroup &+ 1
    }
    if name.count > 0 {
      path.append(UInt8(ascii: "/"))
      path.append(name)
    }
    return path
  }

  fileprivate func folderPath(_ state: UnsafeMutablePointer<NamesState>, _ group: UInt32) -> NameText? {
    guard var path = state.path(self, 512) else { return nil }
    path.append("/e")
    path.append(decimal: UInt64(group))
    return path
  }

  /// A new session's environment: Linux's variables under their own names, and those that init(8) sets.
  private func fillEnvironment(_ folder: NameText) {
    var home: NameBytes?
    let linux: StaticString = "/proc/self/environ"
    let file = quietly(__NR_openat, Int(AT_FDCWD), Int(bitPattern: linux.utf8Start), Int(O_RDONLY | O_CLOEXEC))
    let room = 128 << 10
    if file >= 0, let memory = persona_allocate(room) {
      var count = 0
      while count < room {
        let piece = quietly(__NR_read, file, memory.word + count, room - count)
        if piece <= 0 { break }
        count += piece
      }
      let bytes = NameBytes(start: memory.assumingMemoryBound(to: UInt8.self), count: count)
      var begin = 0
      for index in 0..<count where bytes[index] == 0 {
        setVariable(folder, bytes.slice(begin..<index), &home)
        begin = index + 1
      }
      set(folder, NameBytes("home"), home ?? NameBytes("/"))
      persona_release(memory)
    }
    if file >= 0 { _ = quietly(__NR_close, file) }
    // A list, each word with its NUL, as rc writes it.
    set(folder, NameBytes("path"), NameBytes(".\0/bin\0"))
    set(folder, NameBytes("user"), ownName)
    set(folder, NameBytes("objtype"), NameBytes("amd64"))
    set(folder, NameBytes("cputype"), NameBytes("amd64"))
    guard let names = scratch(390), quietly(__NR_uname, names.word) == 0 else { return }
    set(folder, NameBytes("sysname"), (names + 65).assumingMemoryBound(to: UInt8.self).terminated)
  }

  /// NAME=VALUE
  private func setVariable(_ folder: NameText, _ text: NameBytes, _ home: inout NameBytes?) {
    for index in 0..<text.count where text[index] == UInt8(ascii: "=") {
      let (name, value) = (text.slice(0..<index), text.from(index + 1))
      if name.equals("HOME") { home = value }
      if index > 0, !name.contains(UInt8(ascii: "/")) { set(folder, name, value) }
      return
    }
  }

  private func set(_ folder: NameText, _ name: NameBytes, _ value: NameBytes) {
    let mark = thread.pointee.scratch_used
    defer { thread.pointee.scratch_used = mark }
    guard var path = newText(1024) else { return }
    path.append(folder.bytes)
    path.append(UInt8(ascii: "/"))
    path.append(name)
    let file = quietly(
      __NR_openat, Int(AT_FDCWD), path.word, Int(O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC), 0o600)
    guard file >= 0 else { return }
    if value.count > 0 { _ = quietly(__NR_write, file, Int(bitPattern: value.baseAddress), value.count) }
    _ = quietly(__NR_close, file)
  }

  // MARK: Groups

  /// Copies each variable of one environment to another.
  func copyVariables(from group: UInt32, to: UInt32) {
    guard let state = names(), environmentPath(state, NameBytes("")) != nil, var source = folderPath(state, group),
      let target = folderPath(state, to)
    else { return }
    _ = quietly(__NR_mkdirat, Int(AT_FDCWD), target.word, 0o700)
    guard let value = persona_allocate(largestVariable) else { return }
    defer { persona_release(value) }
    let length = source.count
    let folder = source
    eachLinuxEntry(folder) { name in
      source.cut(to: length)
      source.append(UInt8(ascii: "/"))
      source.append(name)
      let file = quietly(__NR_openat, Int(AT_FDCWD), source.word, Int(O_RDONLY | O_CLOEXEC))
      source.cut(to: length)
      guard file >= 0 else { return }
      let count = quietly(__NR_read, file, value.word, largestVariable)
      _ = quietly(__NR_close, file)
      set(target, name, NameBytes(start: value.assumingMemoryBound(to: UInt8.self), count: max(count, 0)))
    }
  }

  func makeEmptyEnvironment(_ group: UInt32) {
    guard let state = names(), let folder = folderPath(state, group) else { return }
    _ = quietly(__NR_mkdirat, Int(AT_FDCWD), folder.word, 0o700)
  }

  func removeEnvironment(_ group: UInt32) {
    guard let state = names(), var path = folderPath(state, group) else { return }
    let folder = path
    let length = path.count
    eachLinuxEntry(folder) { name in
      path.append(UInt8(ascii: "/"))
      path.append(name)
      _ = quietly(__NR_unlinkat, Int(AT_FDCWD), path.word, 0)
      path.cut(to: length)
    }
    _ = quietly(__NR_unlinkat, Int(AT_FDCWD), folder.word, Int(AT_REMOVEDIR))
  }

  // MARK: For programs of Linux's

  /// Linux's environment pointers for the process's variables: `path` becomes PATH with colons, `home` HOME, `user`
  /// USER; functions of the shell are left out. 0 when there is no memory.
  func linuxEnvironment() -> UInt64 {
    guard let state = names(), let folder = environmentPath(state, NameBytes("")) else { return 0 }
    let (limit, room) = (1024, 256 << 10)
    guard let memory = persona_allocate(8 * limit + room) else { return 0 }
    let pointers = memory.bindMemory(to: UInt64.self, capacity: limit)
    var text = NameText(memory + 8 * limit, room)
    var count = 0
    let length = folder.count
    var path = folder
    func add(_ name: NameBytes, as linux: NameBytes, separator: UInt8) {
      guard count < limit - 1 else { return }
      path.cut(to: length)
      path.append(UInt8(ascii: "/"))
      path.append(name)
      let begin = text.count
      text.append(linux)
      text.append(UInt8(ascii: "="))
      let file = quietly(__NR_openat, Int(AT_FDCWD), path.word, Int(O_RDONLY | O_CLOEXEC))
      path.cut(to: length)
      guard file >= 0, let value = scratch(largestVariable) else {
        text.cut(to: begin)
        return
      }
      let size = quietly(__NR_read, file, value.word, largestVariable)
      _ = quietly(__NR_close, file)
      let bytes = NameBytes(start: value.assumingMemoryBound(to: UInt8.self), count: max(size, 0))
      for index in 0..<bytes.count {
        if bytes[index] != 0 {
          text.append(bytes[index])
        } else if index + 1 < bytes.count {
          text.append(separator)
        }
      }
      pointers[count] = UInt64(UInt(bitPattern: text.start + begin))
      count += 1
      // The NUL that ends it stays.
      text.append(0)
    }
    let mark = thread.pointee.scratch_used
    let hasPath = kind(of: NameBytes("#e/path"), state) == .file
    eachLinuxEntry(folder) { name in
      let inner = thread.pointee.scratch_used
      defer { thread.pointee.scratch_used = inner }
      if name.begins(with: NameBytes("fn#")) || name.equals("HOME") || name.equals("USER") || hasPath && name.equals("PATH") {
        return
      }
      let blank = UInt8(ascii: " ")
      if name.equals("path") {
        add(name, as: NameBytes("PATH"), separator: UInt8(ascii: ":"))
      } else if name.equals("home") {
        add(name, as: NameBytes("HOME"), separator: blank)
      } else if name.equals("user") {
        add(name, as: NameBytes("USER"), separator: blank)
      } else {
        add(name, as: name, separator: blank)
      }
    }
    thread.pointee.scratch_used = mark
    pointers[count] = 0
    return UInt64(UInt(bitPattern: pointers))
  }
}
