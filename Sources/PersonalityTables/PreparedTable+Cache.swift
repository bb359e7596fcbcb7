import Glibc
import HostText

/// Tables whose folder keeps no compiled one, as a user's that is being written: what a start has compiled the next one
/// finds in $XDG_CACHE_HOME/persona, as long as the text stays the same.
extension PreparedTable {
  /// Keeps what a start has compiled. That it cannot be kept (a home that is read only) costs the next start a compilation.
  public static func remember(
    _ block: [UInt8], _ foreign: LoadedPersonality, linux: LoadedPersonality, folder name: String,
    in directories: [String], edition: Edition
  ) {
    guard let folder = try? PersonalityLoader.folder(name, in: directories), let path = cacheFile(folder, edition),
      let abi = foreign.personality.abis.first?.name
    else { return }
    // The folders above the file, which are the user's alone if they are made here.
    for (index, byte) in path.utf8.enumerated() where byte == UInt8(ascii: "/") && index > 0 {
      _ = Host.mkdir(String(path.utf8.prefix(index))!, 0o700)
    }
    let rules = foreign.personality.startRules
    let table = EditionTable(abi: abi, band: rules.release...rules.release, rules: rules, block: block)
    _ = write([table], path, stamp(foreign.source, linux.source), foreign.personality.releases)
  }

  /// The file of a folder's edition; nil without a home.
  static func cacheFile(_ folder: String, _ edition: Edition) -> String? {
    func variable(_ name: String) -> String? {
      Host.getenv(name).flatMap { $0.hasPrefix("/") ? $0 : nil }
    }
    guard let cache = variable("XDG_CACHE_HOME") ?? variable("HOME").map({ $0 + "/.cache" }),
      let real = Host.realpath(folder)
    else { return nil }
    var hash = Fingerprint()
    hash.add(real)
    hash.add(edition.release.map { UInt64($0) } ?? .max)
    hash.add(edition.abi ?? "")
    return cache + "/persona/" + String(hash.value, radix: 16)
  }

  /// Whether nobody else can have written the file: a compiled table is trusted.
  static func isOwn(_ path: String) -> Bool {
    var status = stat()
    return Host.lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG && status.st_uid == geteuid()
      && status.st_mode & 0o022 == 0
  }
}
