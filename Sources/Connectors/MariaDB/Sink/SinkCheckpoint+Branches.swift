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
    for row in try connection.queryBytes("XA RECOVER") {
      guard let branch = Branch(row, prefix: branchPrefix) else { continue }
      try resolve(branch, isStored: branch.groupNumber <= claim.groupNumber)
    }
  }

  /// A branch of this sink as XA RECOVER lists it, among those of others, whose names may be any bytes.
  private struct Branch {
    /// Both parts of the name, one behind the other.
    let name: [UInt8]
    let global: String
    let epoch: UInt64
    let groupNumber: UInt64
    let writer: Int

    /// nil: it is another's.
    init?(_ row: [[UInt8]?], prefix: String) {
      guard row.count == 4, let name = row[3], name.starts(with: prefix.utf8), let length = row[1],
        let length = Int(String(decoding: length, as: UTF8.self)), (0..<name.count).contains(length),
        let writer = Int(String(decoding: name[length...], as: UTF8.self))
      else { return nil }
      let numbers = String(decoding: name[..<length], as: UTF8.self).dropFirst(prefix.count).split(separator: ".")
      guard numbers.count == 2, let epoch = UInt64(numbers[0]), let groupNumber = UInt64(numbers[1]) else { return nil }
      self.name = name
      self.epoch = epoch
      self.groupNumber = groupNumber
      self.writer = writer
      global = "\(prefix)\(epoch).\(groupNumber)"
    }
  }

  /// A branch belongs to its connection until that one is gone: where it is not, it is ended.
  private func resolve(_ branch: Branch, isStored: Bool) throws(Failure) {
    var attempts = 50
    while true {
      do throws(Failure) {
        try connection.execute("XA \(isStored ? "COMMIT" : "ROLLBACK") '\(branch.global)','\(branch.writer)'")
        return
      } catch {
        // 1402: it changed nothing, and its server ended it with its connection (MariaDB's trans_xa_detach).
        if error.cause.hasPrefix("1402 ") { return }
        attempts -= 1
        // 1397: not known here.
        guard error.cause.hasPrefix("1397 "), attempts > 0 else { throw error }
        try endWriter(branch.writer, of: branch.epoch)
        usleep(100_000)
        let isLeft = try connection.queryBytes("XA RECOVER").contains { $0.count == 4 && $0[3] == branch.name }
        if !isLeft { return }
      }
    }
  }
}
