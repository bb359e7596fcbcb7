/// By which marks in a file a system is recognised: the `elf` and `format` blocks of abi.table and of
/// systems.table.
public struct SystemMarks: Sendable, Equatable {
  /// `note "OWNER" TYPE [= FIRST] [release | version]`
  public struct Note: Sendable, Equatable {
    public enum Release: Sendable { case none, number, words }

    public var owner: String
    public var type: UInt32
    /// What the first word of the note's content must be; nil where any will do.
    public var first: UInt32?
    /// Which words of the content tell the release.
    public var release: Release
  }

  /// A path, a name or a word.
  public struct Text: Sendable, Equatable {
    public var text: String
    /// False where other systems have the mark too, so that it only supports a guess: `hint`.
    public var isConclusive = true
  }

  /// `segment TYPE[...LAST] ["NAME"]`
  public struct Segment: Sendable, Equatable {
    public var types: ClosedRange<UInt32>
    public var name: String?
  }

  /// `root_release "PATH" ["TEXT"]`
  public struct RootRelease: Sendable, Equatable {
    public var path: String
    /// What stands before the number in a text; nil for a program, whose note tells it.
    public var text: String?
  }

  /// One entry of a `format` block.
  public struct Format: Sendable, Equatable {
    public enum Kind: String, Sendable, CaseIterable {
      case pe, dos, xout, coff, aout
      /// a.out with the machine's number in network order, and with a machine type.
      case aoutNetwork = "aout_network"
      case aoutType = "aout_type"
      /// a.out with a header of big-endian longs.
      case aoutBigEndian = "aout_big_endian"
    }

    public var kind: Kind
    /// The machine or the magic number; nil for a format that has none.
    public var number: UInt32?
    /// A text that a COFF file's first 8 KiB hold; nil for any file of the format.
    public var text: String?
    public var isConclusive = true
  }

  public var osabis: [UInt8] = []
  public var notes: [Note] = []
  /// Where the run-time linker lies: a path, or the beginning or the whole of its name ("ld-linux*").
  public var interpreters: [Text] = []
  /// Where the run-time linker looks for libraries after all else: `libraries "PATH"`.
  public var libraries: [String] = []
  /// Which files of a tree of the system tell its release, the first that does.
  public var rootReleases: [RootRelease] = []
  /// The GOOS values of Go's build record.
  public var goSystems: [String] = []
  public var segments: [Segment] = []
  /// e_flags as text in memory order.
  public var flags: [String] = []
  /// Words of the compiler's comment.
  public var comments: [Text] = []
  public var formats: [Format] = []
  /// Whether an ELF program without any mark is taken for one of this system.
  public var takesUnmarked = false
}

/// `system NAME "TITLE" { … }`: a system that is recognised and has no personality.
public struct KnownSystem: Sendable, Equatable {
  public var name: String
  public var title: String
  public var marks: SystemMarks
}
