import CEngine
import CWire

// What rfork(2), exec(2) and the end of a process mean to name spaces, environments and descriptors: called by
// ProcessGroups and Processes. The session's lock is not held.

/// The caller's name space `group` gets a copy under the new number `to`.
func copyNamespace(_ call: Call, from group: UInt32, to: UInt32) {}

/// `group` is a new name space that begins with `/` alone.
func clearNamespace(_ call: Call, _ group: UInt32) {}

/// The last process of a name space has ended or left it.
func releaseNamespace(_ call: Call, _ group: UInt32) {}

/// Environment `group` gets a copy under the new number `to`.
func copyEnvironment(_ call: Call, from group: UInt32, to: UInt32) {}

/// `group` is a new, empty environment.
func clearEnvironment(_ call: Call, _ group: UInt32) {}

func releaseEnvironment(_ call: Call, _ group: UInt32) {}

/// Linux copies or shares the descriptors themselves; this is about what else is known of them.
func copyDescriptors(_ call: Call, from group: UInt32, to: UInt32) {}

/// The new table `group` is empty. Linux's descriptors are closed by the caller.
func clearDescriptors(_ call: Call, _ group: UInt32) {}

func releaseDescriptors(_ call: Call, _ group: UInt32) {}

/// The first process of a session, or one whose parent is no guest, begins with new groups: its name space is the
/// standard one, its environment that of Linux (`envp`: the address of Linux's environment pointers).
func beginGroups(_ thread: UnsafeMutablePointer<persona_thread>, _ entry: UnsafeMutablePointer<persona_member>, envp: UInt64) {}

/// Opens a program by its name in the name space: an O_PATH descriptor, or -errno.
func openProgram(_ call: Call, path: UnsafePointer<CChar>) -> Int {
  call.hostNow(__NR_openat, Int(AT_FDCWD), Int(bitPattern: path), Int(O_PATH | O_CLOEXEC))
}

/// The address of Linux's environment pointers for a program that the process executes; 0 for none.
func environmentPointers(_ call: Call) -> UInt64 { call.membership?.pointee.environment ?? 0 }

/// Whether a Linux descriptor is the engine's own: the guest neither sees, closes nor replaces it.
func isEngineDescriptor(_ fd: Int) -> Bool { fd >= engineDescriptors }

/// Linux descriptors from here on are the engine's: it moves its own there (F_DUPFD).
let engineDescriptors = 960
