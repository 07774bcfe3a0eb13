internal import Change
internal import MariaDBClient

/// Compares keys of one table exactly as the server orders them: numbers, bytes and times here, text at the server.
///
/// *Thread*: the connection's; answers of the server are remembered.
final class KeyOrder {
  let columns: [KeyColumn]
  private let connection: MariaDBConnection
  private var answers: [Question: Bool] = [:]

  private struct Question: Hashable {
    var left: SnapshotState.Key
    var right: SnapshotState.Key
  }

  private static let answerLimit = 100_000
  private static let questionsPerQuery = 200

  init(_ columns: [KeyColumn], _ connection: MariaDBConnection) {
    self.columns = columns
    self.connection = connection
  }

  /// Whether `left <= right`.
  func isAtOrBefore(_ left: SnapshotState.Key, _ right: SnapshotState.Key) throws(Failure) -> Bool {
    if let answer = local(left, right) { return answer }
    let question = Question(left: left, right: right)
    if let answer = answers[question] { return answer }
    try ask([question])
    return answers[question] ?? false
  }

  func contains(_ range: SnapshotState.Range, _ key: SnapshotState.Key) throws(Failure) -> Bool {
    if let after = range.after, try isAtOrBefore(key, after) { return false }
    if let through = range.through { return try isAtOrBefore(key, through) }
    return true
  }

  /// Asks the server once for all comparisons of the keys with the bounds, which are then answered from memory.
  func prepare(_ keys: Set<SnapshotState.Key>, _ ranges: [SnapshotState.Range]) throws(Failure) {
    var questions: [Question] = []
    for key in keys {
      for bound in ranges.flatMap({ [$0.after, $0.through] }).compactMap({ $0 }) {
        let question = Question(left: key, right: bound)
        if local(key, bound) == nil, answers[question] == nil { questions.append(question) }
      }
    }
    if answers.count + questions.count > KeyOrder.answerLimit { answers = [:] }
    var next = 0
    while next < questions.count {
      let some = questions[next..<min(next + KeyOrder.questionsPerQuery, questions.count)]
      try ask(Array(some))
      next += some.count
    }
  }

  private func ask(_ questions: [Question]) throws(Failure) {
    let expressions = questions.map { KeyCondition.isAtOrBefore($0.left, $0.right, columns) }
    let row = try connection.query("SELECT " + expressions.map { "(\($0))" }.joined(separator: ", ")).first ?? []
    guard row.count == questions.count else {
      throw Failure(.internal, "the server compared \(row.count) of \(questions.count) keys")
    }
    for (question, value) in zip(questions, row) { answers[question] = value == "1" }
  }

  /// nil when it takes the server.
  private func local(_ left: SnapshotState.Key, _ right: SnapshotState.Key) -> Bool? {
    for (position, column) in columns.enumerated() {
      let (mine, other) = (left[position], right[position])
      switch column.kind {
      case .number:
        if mine != other { return KeyOrder.isLess(number: mine, other) }
      case .bytes, .moment:
        if mine != other { return mine.utf8.lexicographicallyPrecedes(other.utf8) }
      case .text:
        // Equal bytes are equal in every collation; other bytes may be, too.
        if mine != other { return nil }
      }
    }
    return true
  }

  /// Numbers with one scale and digits without leading zeros before the point.
  private static func isLess(number left: String, _ right: String) -> Bool {
    let (isNegative, otherIsNegative) = (left.hasPrefix("-"), right.hasPrefix("-"))
    if isNegative != otherIsNegative { return isNegative }
    let (mine, other) = isNegative ? (right, left) : (left, right)
    let (length, otherLength) = (mine.utf8.count, other.utf8.count)
    return length != otherLength ? length < otherLength : mine.utf8.lexicographicallyPrecedes(other.utf8)
  }
}
