package import Change
import Foundation

/// The position of a pipeline with several sources: the progress of each, and the watermark that was promised for all.
///
/// Its token is `{"watermark":…,"sources":[{"name":…,"text":…,"token":…,"ended":…,"mark":[…],"count":[epoch,transactions]}]}`
/// in the order of the pipeline's list; one of whose first batch only a part has left has no position. Its text is `a=0-1-42 b=0-2-7+3`.
package struct VectorPosition: Hashable, Sendable {
  package struct Component: Hashable, Sendable {
    package var name: String
    package var progress: SourceProgress

    package init(name: String, progress: SourceProgress) {
      self.name = name
      self.progress = progress
    }
  }

  package var watermark: EventTime
  package var components: [Component]

  package init(watermark: EventTime, components: [Component]) {
    self.watermark = watermark
    self.components = components
  }

  package subscript(name: String) -> SourceProgress? { components.first { $0.name == name }?.progress }

  // MARK: Writing

  package var position: Position {
    let known = components.filter { !$0.progress.isNothing }
    return Position(
      text: known.map { "\($0.name)=\($0.progress.text)" }.joined(separator: " "),
      token: VectorPosition.token(watermark, components.compactMap(VectorPosition.rendered)))
  }

  /// - Parameter components: as `rendered` gives them.
  static func token(_ watermark: EventTime, _ components: [String]) -> String {
    let promise = watermark == .distantPast ? "" : #""watermark":\#(watermark.microseconds),"#
    return #"{\#(promise)"sources":[\#(components.joined(separator: ","))]}"#
  }

  /// One object of JSON; nil when nothing of the source is known.
  static func rendered(_ component: Component) -> String? {
    if component.progress.isNothing, component.progress.count.epoch == 0 { return nil }
    var text = #"{"name":\#(quoted(component.name))"#
    if let position = component.progress.position {
      text += #","text":\#(quoted(position.text)),"token":\#(quoted(position.token))"#
    }
    if let last = component.progress.last {
      let numbers = [
        last.streamHigh, last.streamLow, last.sequence, last.endOffset, UInt64(last.file), UInt64(last.server),
      ]
      let mark = numbers.map { String($0) }.joined(separator: ",")
      text += #","ended":\#(component.progress.ended),"mark":[\#(mark)]"#
    }
    let count = component.progress.count
    if count.epoch != 0 { text += #","count":[\#(count.epoch),\#(count.transactions)]"# }
    return text + "}"
  }

  private static func quoted(_ text: String) -> String {
    var result: [UInt8] = [UInt8(ascii: "\"")]
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"): result += [UInt8(ascii: "\\"), byte]
      case 0..<0x20:
        let digits = String(byte, radix: 16)
        result += Array("\\u\(String(repeating: "0", count: 4 - digits.utf8.count))\(digits)".utf8)
      default: result.append(byte)
      }
    }
    result.append(UInt8(ascii: "\""))
    return String(decoding: result, as: UTF8.self)
  }

  // MARK: Reading

  private struct Stored: Decodable {
    struct Source: Decodable {
      var name: String
      var text: String?
      var token: String?
      var ended: UInt64?
      var mark: [UInt64]?
      var count: [UInt64]?
    }

    var watermark: Int64?
    var sources: [Source]
  }

  /// Transactions behind a position that a checkpoint may name; no batch has as many.
  private static let mostEnded: UInt64 = 1 << 48

  private static func damaged(_ position: Position) -> Failure {
    Failure(
      .corruptState, "the checkpoint of several sources is damaged", at: position.text,
      hint: "put the target's checkpoint back, or reset the sink")
  }

  /// Reads a checkpoint's token back; nil when it is not one of several sources.
  /// - Throws: `.corruptState` when it is, and makes no sense.
  package init?(_ position: Position) throws(Failure) {
    let stored: Stored
    do {
      stored = try JSONDecoder().decode(Stored.self, from: Data(position.token.utf8))
    } catch {
      let isVector = [#"{"watermark":"#, #"{"sources":"#].contains { position.token.hasPrefix($0) }
      if isVector { throw VectorPosition.damaged(position) }
      return nil
    }
    watermark = stored.watermark.map { EventTime(microseconds: $0) } ?? .distantPast
    components = []
    for source in stored.sources {
      guard self[source.name] == nil, source.token != nil || source.mark != nil || source.count != nil else {
        throw VectorPosition.damaged(position)
      }
      let count = source.count ?? []
      guard source.count == nil || (count.count == 2 && count[0] < .max && count[1] <= VectorPosition.mostEnded) else {
        throw VectorPosition.damaged(position)
      }
      var progress = SourceProgress(
        position: source.token.map { Position(text: source.text ?? "", token: $0) },
        count: count.isEmpty ? TransactionCount() : TransactionCount(epoch: count[0], transactions: count[1]))
      if let mark = source.mark {
        guard mark.count == 6, let file = UInt32(exactly: mark[4]), let server = UInt32(exactly: mark[5]),
          let ended = source.ended, ended > 0, ended <= VectorPosition.mostEnded
        else { throw VectorPosition.damaged(position) }
        progress.ended = ended
        progress.last = LogMark(
          streamHigh: mark[0], streamLow: mark[1], sequence: mark[2], file: file, endOffset: mark[3], server: server)
      }
      components.append(Component(name: source.name, progress: progress))
    }
  }
}
