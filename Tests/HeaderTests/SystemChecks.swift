import PersonalityTables

extension HeaderCheck {
  /// The numbers of a variable that sys/sysctl.h numbers: kern.ostype is CTL_KERN, KERN_OSTYPE. Numbers from 256
  /// are given out as variables come.
  mutating func sysctl(_ control: SystemControl) {
    let words = control.name.split(separator: ".").map(String.init)
    let tops = [
      "kern": "KERN_", "vm": "VM_", "hw": "HW_", "user": "USER_", "p1003_1b": "CTL_P1003_1B_",
    ]
    guard let top = words.first, let prefix = tops[top], control.mib[0] < 256 else { return }
    constant(top == "p1003_1b" ? "CTL_P1003_1B" : "CTL_" + top.uppercased(), UInt64(control.mib[0]))
    guard words.count > 1, control.mib.count > 1, control.mib[1] < 256 else { return }
    switch (words.count, words[1]) {
    case (2, _):
      let name = FreeBSDHeaders.sysctlNames[control.name] ?? prefix + words[1].uppercased()
      constant(name, UInt64(control.mib[1]))
    case (3, "proc"):
      constant("KERN_PROC", UInt64(control.mib[1]))
      let isThreads = words[2].hasSuffix("_td")
      let word = isThreads ? String(words[2].dropLast(3)) : words[2]
      let name = FreeBSDHeaders.sysctlNames["kern.proc." + word] ?? "KERN_PROC_" + word.uppercased()
      constant(isThreads ? "(\(name) | KERN_PROC_INC_THREAD)" : name, UInt64(control.mib[2]))
    case (3, "ipc"):
      constant("KERN_IPC", UInt64(control.mib[1]))
      if control.mib[2] < 256 { constant("KIPC_" + words[2].uppercased(), UInt64(control.mib[2])) }
    default: break
    }
  }

  /// What every system declares.
  mutating func declarations(of personality: Personality) {
    numbers(personality.errnos)
    numbers(personality.signals)
    maps(of: personality)
    structures(of: personality)
    requests(of: personality)
  }

  /// Everything of Linux's tables. Its call numbers are __NR_name.
  mutating func linux(_ personality: Personality) {
    declarations(of: personality)
    for row in personality.calls { constant("__NR_" + row.name, UInt64(row.number)) }
  }
}
