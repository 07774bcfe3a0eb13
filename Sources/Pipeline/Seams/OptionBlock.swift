package import Change

/// A map of a pipeline file, read by declared options. Keys and types are checked by `problems`, all at once, before
/// anybody reads a value; the accessors are for options that are declared, with the kind that is declared.
package struct OptionBlock: Sendable {
  package let options: [Option]
  package let location: Place
  private let entries: [String: OptionNode]
  /// The block as written.
  package let content: OptionNode

  package init(_ node: OptionNode, options: [Option]) {
    content = node
    self.options = options
    location = node.place
    var entries: [String: OptionNode] = [:]
    if case .map(let list) = node.content {
      for entry in list where entries[entry.key] == nil { entries[entry.key] = entry.value }
    }
    self.entries = entries
  }

  /// `file:line:column` of the block.
  package var place: String { location.description }

  /// `file:line:column` of an option's value, or of the block when the option is not written.
  package func place(of name: String) -> String { (entries[name]?.place ?? location).description }

  package func has(_ name: String) -> Bool { entries[name] != nil }

  /// The value as written, for options that take several forms.
  package func node(_ name: String) -> OptionNode? {
    _ = declared(name)
    return entries[name]
  }

  package func string(_ name: String) -> String? {
    if let node = entries[name] { return node.text }
    return declared(name).defaultText
  }

  package func integer(_ name: String) -> Int? { string(name).flatMap { Int($0) } }

  package func boolean(_ name: String) -> Bool? { string(name).flatMap(OptionText.boolean) }

  /// In nanoseconds.
  package func duration(_ name: String) -> UInt64? { string(name).flatMap(OptionText.duration) }

  /// In bytes.
  package func size(_ name: String) -> Int? { string(name).flatMap(OptionText.size) }

  /// The texts of a list of scalars, each with its place; a single scalar counts as a list of one. Empty when not written.
  package func strings(_ name: String) -> [(text: String, place: Place)] {
    _ = declared(name)
    guard let node = entries[name] else { return [] }
    if case .list(let nodes) = node.content { return nodes.compactMap { node in node.text.map { ($0, node.place) } } }
    return node.text.map { [($0, node.place)] } ?? []
  }

  /// A nested block; nil when it is not written as a block.
  package func block(_ name: String) -> OptionBlock? {
    guard let node = entries[name], case .map = node.content else { return nil }
    return OptionBlock(node, options: declared(name).kind.blockOptions)
  }

  /// A missing required value as a failure with its place.
  package func require<Value>(_ value: Value?, _ name: String) throws(Failure) -> Value {
    guard let value else { throw Failure(.configuration, "\"\(name)\" is missing", at: place(of: name)) }
    return value
  }

  private func declared(_ name: String) -> Option {
    guard let option = options.first(where: { $0.name == name }) else {
      preconditionFailure("option \"\(name)\" is read but not declared")
    }
    return option
  }
}

extension OptionNode {
  /// The text of a scalar; nil for everything else.
  package var text: String? {
    if case .scalar(let text, _) = content { text } else { nil }
  }
}

extension Option.Kind {
  /// The options of the nested block that this kind allows; empty when it allows none.
  package var blockOptions: [Option] {
    switch self {
    case .block(let options): options
    case .either(let kinds): kinds.lazy.map(\.blockOptions).first { !$0.isEmpty } ?? []
    default: []
    }
  }
}
