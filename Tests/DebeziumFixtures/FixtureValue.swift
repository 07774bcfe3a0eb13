/// A JSON value with exact integers.
package enum FixtureValue: Decodable, Equatable, Sendable {
  case null
  case boolean(Bool)
  case integer(Int64)
  case number(Double)
  case text(String)
  case object([String: FixtureValue])
  case list([FixtureValue])

  package init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if container.decodeNil() {
      self = .null
    } else if let value = try? container.decode(Bool.self) {
      self = .boolean(value)
    } else if let value = try? container.decode(Int64.self) {
      self = .integer(value)
    } else if let value = try? container.decode(Double.self) {
      self = .number(value)
    } else if let value = try? container.decode(String.self) {
      self = .text(value)
    } else if let value = try? container.decode([FixtureValue].self) {
      self = .list(value)
    } else {
      self = .object(try container.decode([String: FixtureValue].self))
    }
  }

  package subscript(_ name: String) -> FixtureValue {
    if case .object(let members) = self { members[name] ?? .null } else { .null }
  }
  package var text: String? { if case .text(let value) = self { value } else { nil } }
  package var integer: Int64? { if case .integer(let value) = self { value } else { nil } }
  package var list: [FixtureValue] { if case .list(let values) = self { values } else { [] } }
  package var number: Double {
    switch self {
    case .number(let value): value
    case .integer(let value): Double(value)
    default: .nan
    }
  }
}
