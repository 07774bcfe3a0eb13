import Change
import Glibc
import MariaDBClient

/// The branches of groups that several writers apply (mariadb.com/kb/en/xa-transactions).
extension SinkCheckpoint {
  /// What the global part of every branch of this sink begins with. At most 64 characters with the numbers behind it.
  private var branchPrefix: String { "freshet.\(String(identity, radix: 16))." }

  /// The global part of a group's branches, as SQL writes it; the writer's number is the other.
  func branch(epoch: UInt64, groupNumber: UInt64) -> String { "'\(branchPrefix)\(epoch).\(groupNumber)'" }

  /// Commits the prepared branches of groups whose checkpoint is stored, and undoes the others. Called after the claim, when
  /// no older writer can store a checkpoint any more.
  func resolveBranches(_ claim: Claim) throws(Failure) {
    for row in try connection.query("XA RECOVER") {
      guard row.count == 4, let length = row[1].flatMap({ Int($0) }), let data = row[3], data.hasPrefix(branchPrefix),
        data.utf8.count > length
      else { continue }
      let global = String(decoding: data.utf8.prefix(length), as: UTF8.self)
      let numbers = global.dropFirst(branchPrefix.count).split(separator: ".")
      guard numbers.count == 2, let group = UInt64(numbers[1]) else { continue }
      let writer = String(decoding: data.utf8.dropFirst(length), as: UTF8.self)
      let verb = group <= claim.groupNumber ? "COMMIT" : "ROLLBACK"
      try resolve("XA \(verb) '\(global)','\(writer)'", writer)
    }
  }

  /// A branch belongs to its connection until that one is gone: where it is not, it is ended.
  private func resolve(_ statement: String, _ writer: String) throws(Failure) {
    var attempts = 50
    while true {
      do throws(Failure) {
        try connection.execute(statement)
        return
      } catch {
        // 1402: it changed nothing, and its server ended it with its connection (MariaDB's trans_xa_detach).
        if error.cause.hasPrefix("1402 ") { return }
        attempts -= 1
        // 1397: not known here.
        guard error.cause.hasPrefix("1397 "), attempts > 0 else { throw error }
        if let number = Int(writer) { try endWriter(number) }
        usleep(100_000)
        let isLeft = try connection.query("XA RECOVER").contains { row in
          row.count == 4 && statement.contains("'\((row[3] ?? "").dropLast(writer.count))'")
        }
        if !isLeft { return }
      }
    }
  }
}
