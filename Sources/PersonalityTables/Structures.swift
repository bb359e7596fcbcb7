/// A field's type; layouts follow from it and the ABI's word.
public indirect enum FieldType: Sendable, Equatable {
  /// `width` bytes; 0 means the scalar's own width under the ABI.
  case scalar(Scalar, width: Int)
  /// Index in `Personality.maps`, bytes of the value.
  case map(Int, width: Int)
  /// Index in `Personality.structures`.
  case structure(Int)
  /// `char[N]`
  case text(Int)
  case bytes(Int)
  /// A set of numbers, bit by bit, in that many bytes.
  case set(ofSignals: Bool, Int)
  /// Index in `Personality.unions`.
  case union(Int)
  case array(FieldType, Int)
}

public struct StructureField: Sendable {
  public var name: String
  public var type: FieldType
  /// Linux's field where its name differs.
  public var native: String?
  /// `at OFFSET` behind it.
  var fixedOffset: Int?
  /// `pad N` before it.
  var padding = 0
  public var position: Position
  /// Bytes from the structure's start, once laid out.
  public var offset = 0
  /// Bytes in all, once laid out.
  public var size = 0
}

/// `struct NAME { … }`, laid out by C's rules for the personality's first ABI.
public struct Structure: Sendable {
  public var name: String
  /// Linux's structure that it converts to, where its name differs.
  public var native: String?
  public var fields: [StructureField] = []
  /// `pad N` behind the last field.
  var trailingPadding = 0
  /// `[N bytes]`
  public var statedSize: Int?
  public var position: Position
  var nativePosition: Position
  var sizePosition: Position
  public var size = 0
  public var alignment = 1

  public func field(named name: String) -> StructureField? { fields.first { $0.name == name } }
}
