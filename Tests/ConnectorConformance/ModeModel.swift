package import SQLRendering

/// What a mode's table must hold after each transaction, kept in the plainest way.
package struct ModeModel {
  struct Version {
    var id: Int64
    var row: RandomPlayer.Row
    var number: Int
    var from: Int
    var to: Int?
    var isCurrent: Bool
  }

  /// What stands around a text in a shown row, and behind an instant.
  package var quote = ""
  package var zone = ""
  package let kind: TargetMode.Kind
  private var log: [String] = []
  private var versions: [Version] = []
  private var marked: [Int64: (row: RandomPlayer.Row, deletedAt: Int?)] = [:]

  package init(_ kind: TargetMode.Kind) { self.kind = kind }

  package mutating func take(_ events: [RandomPlayer.Event], transaction: Int, second: Int, _ player: RandomPlayer) {
    switch kind {
    case .mirror: break
    case .append:
      for (index, event) in events.enumerated() {
        let letter = event.before == nil ? "c" : event.after == nil ? "d" : "u"
        guard let shown = event.after ?? event.before else { continue }
        let position = "\(padded(transaction, 16)):\(padded(index, 10)):0-1-\(transaction)"
        log.append(
          "\(player.text(shown.id, shown.row))|\(quote)\(letter)\(quote)|\(quote)\(position)\(quote)|\(time(second))")
      }
    case .softDelete:
      for event in events {
        if let before = event.before, before.id != event.after?.id { marked[before.id] = (before.row, second) }
        if let before = event.before, let after = event.after, before.id != after.id { marked[before.id] = nil }
        if let after = event.after { marked[after.id] = (after.row, nil) }
      }
    case .history:
      var touched: Set<Int64> = []
      for event in events {
        if let before = event.before { touched.insert(before.id) }
        if let after = event.after { touched.insert(after.id) }
      }
      for id in touched {
        for index in versions.indices where versions[index].id == id && versions[index].isCurrent {
          versions[index].isCurrent = false
          versions[index].to = second
        }
        guard let row = player.rows[id] else { continue }
        versions.append(Version(id: id, row: row, number: transaction, from: second, to: nil, isCurrent: true))
      }
    }
  }

  package func expected(_ player: RandomPlayer) -> [String] {
    switch kind {
    case .mirror: player.expected
    case .append: log.sorted()
    case .softDelete:
      marked.map { "\(player.text($0, $1.row))|\($1.deletedAt.map(time) ?? "NULL")" }.sorted()
    case .history:
      versions.map {
        "\(player.text($0.id, $0.row))|\($0.number)|\(time($0.from))|\($0.to.map(time) ?? "NULL")|\($0.isCurrent ? 1 : 0)"
      }.sorted()
    }
  }

  private func time(_ second: Int) -> String {
    "\(quote)1970-01-01 00:00:\(padded(second, 2)).000000\(zone)\(quote)"
  }

  private func padded(_ value: Int, _ digits: Int) -> String {
    String(repeating: "0", count: digits - "\(value)".count) + "\(value)"
  }
}
