import CHost
import CWire
import Glibc

/// One thing that Persona needs of the host.
struct Requirement {
  enum Weight {
    /// Nothing runs without it.
    case needed
    /// Something is slower or impossible without it.
    case useful
  }

  var name: String
  var weight: Weight
  /// What is lost when it is missing.
  var loss: String
  var remedy: String
}

/// What `persona doctor` found.
public struct DoctorReport: Sendable {
  public enum State: Sendable, Equatable {
    case works
    case missing(reason: String)
  }

  public struct Line: Sendable {
    public var name: String
    public var state: State
    public var isNeeded: Bool
    /// A value worth knowing even where all is well.
    public var detail: String?
    public var loss: String
    public var remedy: String
  }

  public var lines: [Line] = []

  /// True when everything needed works.
  public var isHealthy: Bool { lines.allSatisfy { $0.state == .works || !$0.isNeeded } }

  /// The report as it is printed.
  public var text: String {
    let width = lines.map(\.name.count).max() ?? 0
    var text = ""
    for line in lines {
      let padding = String(repeating: " ", count: width - line.name.count)
      switch line.state {
      case .works:
        text += "ok       \(line.name)\(line.detail.map { "\(padding)  \($0)" } ?? "")\n"
      case .missing(let reason):
        text += "missing  \(line.name)\(padding)  \(reason)\n"
        text += "         \(line.isNeeded ? "needed" : "optional"): without it, \(line.loss)\n"
        text += "         what to do: \(line.remedy)\n"
      }
    }
    let missing = lines.filter { $0.state != .works }
    text +=
      missing.isEmpty
      ? "Everything that Persona uses is there.\n"
      : isHealthy
        ? "Foreign programs run here; optional features that are missing: \(missing.count).\n"
        : "Programs cannot be run here until what is needed is there.\n"
    return text
  }

  /// Tries everything.
  public static func make(installation: Installation) -> DoctorReport {
    var report = DoctorReport()
    report.addKernel()
    for (feature, requirement) in DoctorReport.features { report.add(feature, requirement) }
    report.addMinimumAddress()
    report.addBinfmt()
    report.addEngine(installation)
    report.addPersonalities(installation)
    return report
  }

  mutating func add(_ requirement: Requirement, missing reason: String?, detail: String? = nil) {
    lines.append(
      Line(
        name: requirement.name, state: reason.map { .missing(reason: $0) } ?? .works,
        isNeeded: requirement.weight == .needed, detail: detail, loss: requirement.loss,
        remedy: requirement.remedy))
  }

  private mutating func add(_ feature: persona_feature, _ requirement: Requirement) {
    let result = persona_probe(feature)
    switch result {
    case 0: add(requirement, missing: nil)
    case 1001...: add(requirement, missing: "the trial died of signal \(result - 1000)")
    default: add(requirement, missing: "the trial failed: \(describe(result))")
    }
  }
}
