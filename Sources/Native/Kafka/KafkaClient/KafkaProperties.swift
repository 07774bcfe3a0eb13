package import Change

/// Settings of librdkafka by name, in the order in which they are set. A secret one never shows in a message.
package struct KafkaProperties: Sendable {
  package private(set) var entries: [(name: String, value: Secret)] = []

  package init() {}

  /// Sets a property; a later value replaces an earlier one.
  package mutating func set(_ name: String, _ value: String) { set(name, Secret(value)) }

  package mutating func set(_ name: String, _ value: Secret) {
    entries.removeAll { $0.name == name }
    entries.append((name, value))
  }

  package func has(_ name: String) -> Bool { entries.contains { $0.name == name } }

  /// The same without one property.
  package func without(_ name: String) -> KafkaProperties {
    var copy = self
    copy.entries.removeAll { $0.name == name }
    return copy
  }
}
