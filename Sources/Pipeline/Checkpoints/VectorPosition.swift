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
    VectorPosition.position(watermark, components.map { Writing(name: $0.name, progress: $0.progress) })
  }

  /// A component with what is written of it again and again while only the transactions behind its position change.
  struct Writing {
    let name: String
    var progress: SourceProgress {
      didSet { if progress.position != oldValue.position { opening = Writing.opening(name, progress.position) } }
    }
    /// The object of JSON up to what the transactions behind the position change.
    private var opening: [UInt8]

    init(name: String, progress: SourceProgress) {
      self.name = name
      self.progress = progress
      opening = Writing.opening(name, progress.position)
    }

    private static func opening(_ name: String, _ position: Position?) -> [UInt8] {
      var bytes = Array(#"{"name":"#.utf8)
      append(quoted: name, to: &bytes)
      if let position {
        bytes += #","text":"#.utf8
        append(quoted: position.text, to: &bytes)
        bytes += #","token":"#.utf8
        append(quoted: position.token, to: &bytes)
      }
      return bytes
    }

    private static func append(quoted text: String, to bytes: inout [UInt8]) {
      bytes.append(UInt8(ascii: "\""))
      for byte in text.utf8 {
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"): bytes += [UInt8(ascii: "\\"), byte]
        case 0..<0x20:
          let digits = String(byte, radix: 16)
          bytes += "\\u\(String(repeating: "0", count: 4 - digits.utf8.count))\(digits)".utf8
        default: bytes.append(byte)
        }
      }
      bytes.append(UInt8(ascii: "\""))
    }

    /// Whether there is anything to write.
    fileprivate var isKnown: Bool { !progress.isNothing || progress.count.epoch != 0 }

    /// Writes one object of JSON.
    fileprivate func append(to bytes: inout [UInt8]) {
      bytes += opening
      if let last = progress.last {
        bytes += #","ended":"#.utf8
        bytes += String(progress.ended).utf8
        var separator = #","mark":["#
        for number in [
          last.streamHigh, last.streamLow, last.sequence, last.endOffset, UInt64(last.file), UInt64(last.server),
        ] {
          bytes += separator.utf8
          bytes += String(number).utf8
          separator = ","
        }
        bytes.append(UInt8(ascii: "]"))
      }
      if progress.count.epoch != 0 {
        bytes += #","count":["#.utf8
        bytes += String(progress.count.epoch).utf8
        bytes.append(UInt8(ascii: ","))
        bytes += String(progress.count.transactions).utf8
        bytes.append(UInt8(ascii: "]"))
      }
      bytes.append(UInt8(ascii: "}"))
    }
  }

  static func position(_ watermark: EventTime, _ components: [Writing]) -> Position {
    var (text, token): ([UInt8], [UInt8]) = ([], Array("{".utf8))
    if watermark != .distantPast { token += "\"watermark\":\(watermark.microseconds),".utf8 }
    var separator = #""sources":["#
    for component in components where component.isKnown {
      token += separator.utf8
      component.append(to: &token)
      separator = ","
    }
    token += (separator == "," ? "]}" : separator + "]}").utf8
    for component in components where !component.progress.isNothing {
      if !text.isEmpty { text.append(UInt8(ascii: " ")) }
      text += component.name.utf8
      text.append(UInt8(ascii: "="))
      text += component.progress.text.utf8
    }
    return Position(text: String(decoding: text, as: UTF8.self), token: String(decoding: token, as: UTF8.self))
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
    if let time = stored.watermark, !WindowBounds.reach.contains(time) { throw VectorPosition.damaged(position) }
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
