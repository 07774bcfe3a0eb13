import CYaml

/// Reads YAML text as a stream of events with places, over libyaml (which Yams brings). Nothing is composed, so the caller
/// can set limits on depth, aliases and size before any memory follows them.
///
/// *Thread*: one at a time. *Errors*: `YAMLSyntaxError`; after one, there is nothing more to read.
package final class YAMLEventReader {
  /// Owned by this object alone, allocated in `init`, freed in `deinit`; libyaml keeps pointers into both.
  private let parser: UnsafeMutablePointer<yaml_parser_t>
  private let input: UnsafeMutableBufferPointer<UInt8>

  /// - Parameter text: must be valid UTF-8; what else is wrong with it is told by `next`.
  package init(_ text: [UInt8]) throws(YAMLSyntaxError) {
    unsafe input = .allocate(capacity: max(text.count, 1))
    _ = unsafe input.initialize(from: text)
    unsafe parser = .allocate(capacity: 1)
    unsafe parser.initialize(to: yaml_parser_t())
    guard unsafe yaml_parser_initialize(parser) == 1 else {
      throw YAMLSyntaxError(problem: "there is no memory for the parser", place: YAMLPlace(line: 1, column: 1))
    }
    unsafe yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING)
    unsafe yaml_parser_set_input_string(parser, input.baseAddress, text.count)
  }

  deinit {
    unsafe yaml_parser_delete(parser)
    unsafe parser.deallocate()
    unsafe input.deallocate()
  }

  /// The next event; after `.streamEnd` always `.streamEnd`.
  package func next() throws(YAMLSyntaxError) -> YAMLEvent {
    var event = yaml_event_t()
    guard unsafe yaml_parser_parse(parser, &event) == 1 else { throw syntaxError() }
    defer { unsafe yaml_event_delete(&event) }
    return unsafe YAMLEvent(content(of: event), at: place(event.start_mark), to: place(event.end_mark))
  }

  private func content(of event: yaml_event_t) -> YAMLEvent.Content {
    switch unsafe event.type {
    case YAML_DOCUMENT_START_EVENT: return .documentStart
    case YAML_DOCUMENT_END_EVENT: return .documentEnd
    case YAML_ALIAS_EVENT: return unsafe .alias(text(event.data.alias.anchor) ?? "")
    case YAML_SCALAR_EVENT:
      let scalar = unsafe event.data.scalar
      let bytes = unsafe UnsafeBufferPointer(start: scalar.value, count: scalar.length)
      let isPlain = unsafe scalar.style == YAML_PLAIN_SCALAR_STYLE
      return unsafe .scalar(
        String(decoding: bytes, as: UTF8.self), isPlain: isPlain, anchor: text(scalar.anchor), tag: text(scalar.tag))
    case YAML_SEQUENCE_START_EVENT:
      let start = unsafe event.data.sequence_start
      return unsafe .listStart(anchor: text(start.anchor), tag: text(start.tag))
    case YAML_SEQUENCE_END_EVENT: return .listEnd
    case YAML_MAPPING_START_EVENT:
      let start = unsafe event.data.mapping_start
      return unsafe .mapStart(anchor: text(start.anchor), tag: text(start.tag))
    case YAML_MAPPING_END_EVENT: return .mapEnd
    case YAML_STREAM_START_EVENT: return .streamStart
    default: return .streamEnd
    }
  }

  /// libyaml's messages name what it expected, never what was written.
  private func syntaxError() -> YAMLSyntaxError {
    let state = unsafe parser.pointee
    let problem = unsafe state.problem.map { unsafe String(cString: $0) } ?? "the text is not YAML"
    let context = unsafe state.context.map { unsafe String(cString: $0) } ?? ""
    if unsafe state.error == YAML_READER_ERROR {
      return unsafe YAMLSyntaxError(problem: problem, place: place(atByte: Int(state.problem_offset)))
    }
    return unsafe YAMLSyntaxError(
      problem: context.isEmpty ? problem : "\(problem) \(context)", place: place(state.problem_mark))
  }

  private func place(_ mark: yaml_mark_t) -> YAMLPlace { YAMLPlace(line: mark.line + 1, column: mark.column + 1) }

  private func place(atByte offset: Int) -> YAMLPlace {
    YAMLPlace(ofByte: offset, in: unsafe Array(input))
  }

  private func text(_ pointer: UnsafeMutablePointer<yaml_char_t>?) -> String? {
    guard let pointer = unsafe pointer else { return nil }
    return unsafe String(decodingCString: pointer, as: UTF8.self)
  }
}
