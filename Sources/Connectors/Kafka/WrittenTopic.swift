/// A note in the checkpoint topic that a sink has written to a topic: a record with the key `{pipeline}/{sink}/{topic}`, one
/// for each topic and for ever, beside the checkpoint's own, which a program that does not know of such notes still finds.
struct WrittenTopic {
  let pipeline: String
  let sink: String

  /// What the record holds; its key says everything.
  static let value = Array(#"{"version":1}"#.utf8)

  // Neither a name nor a topic holds the slash.
  private var prefix: [UInt8] { Array("\(pipeline)/\(sink)/".utf8) }

  func key(of topic: String) -> [UInt8] { prefix + Array(topic.utf8) }

  /// The topic that a record's key names; nil: it is no note of this sink.
  func name(in key: [UInt8]) -> String? {
    let prefix = prefix
    guard key.count > prefix.count, key.starts(with: prefix) else { return nil }
    let name = String(decoding: key[prefix.count...], as: UTF8.self)
    return TopicTemplate.safe(name) == name ? name : nil
  }
}
