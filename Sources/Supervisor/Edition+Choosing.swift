import BinaryImage
import PersonalityTables

extension Edition {
  /// Which of the systems that a personality describes a program is to be run with: the release that the user
  /// claims, or else the machine's, as a kernel runs the programs of older ones; a program whose note names a newer
  /// release gets that one if the folder serves it. And the abi of the program's machine.
  ///
  /// - Parameters:
  ///   - heading: the personality's, read for no edition; nil where it cannot be read.
  ///   - machine: the release that the session's programs or the root are of; nil for the heading's own.
  init(
    of image: Image, heading: SystemHeading?, choice: PersonalityChoice?, machine: UInt32?, recognizer: Recognizer
  ) throws(LaunchError) {
    self.init()
    guard let heading else { return }
    if let claimed = choice?.name == heading.name ? choice?.release : nil {
      release = try heading.number(of: claimed)
    } else if heading.releases.serves != nil {
      release = machine.map(heading.releases.served)
      if let built = recognizer.release(of: image, heading.marks), built > release ?? heading.releases.own {
        release = heading.releases.served(built)
      }
    }
    guard let machine = image.format.machine else { return }
    abi = heading.abis.first { $0.machine == machine }?.name
  }
}

extension SystemHeading {
  /// The release number that a user's choice means.
  func number(of choice: PersonalityChoice.Release) throws(LaunchError) -> UInt32 {
    let number: UInt32
    switch choice {
    case .number(let given): number = given
    case .version(let major, let minor):
      guard let made = releases.encoding?.number(major, minor) else {
        throw LaunchError(
          .ours, "\(title) \(major).\(minor) has no release number in the personality '\(name)'",
          remedy: "name the release by its number, such as \(name):\(releases.own)")
      }
      number = made
    }
    guard let serves = releases.serves, !serves.contains(number) else { return number }
    throw LaunchError(
      .ours, "the personality '\(name)' does not describe \(title) \(releases.text(of: number))",
      remedy: "name a release from \(releases.servedText ?? "")")
  }
}

extension Recognizer {
  /// The release that a program's note names as a number.
  func release(of image: Image, _ marks: SystemMarks) -> UInt32? {
    for note in image.marks.notes {
      for mark in marks.notes where mark.owner == note.owner && mark.type == note.type && mark.release == .number {
        if let number = note.word(0), number > 0 { return number }
      }
    }
    return nil
  }
}
