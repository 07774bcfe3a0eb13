package import Change
internal import FoundationEssentials

extension MariaDBPosition {
  /// One line of JSON that `init(token:)` reads back.
  package var token: String {
    var json = JSONText()
    json.object { json in
      json.key("v")
      json.number(1)
      json.key("gtid")
      json.string(gtids.description)
      json.key("file")
      json.string(log.file)
      json.key("offset")
      json.number(log.offset)
      json.key("server")
      json.number(UInt64(server.id))
      json.key("uuid")
      json.string(server.uuid)
      json.key("created")
      json.number(UInt64(server.logCreated))
      if committed > .distantPast {
        json.key("committed")
        json.string("\(committed.microseconds)")
      }
      if !prepared.isEmpty { writePrepared(&json) }
      if let snapshot { snapshot.write(&json) }
    }
    return json.text
  }

  private func writePrepared(_ json: inout JSONText) {
    json.key("prepared")
    json.array { json in
      for transaction in prepared {
        json.object { json in
          json.key("id")
          json.string(transaction.identifier)
          json.key("file")
          json.string(transaction.start.file)
          json.key("offset")
          json.number(transaction.start.offset)
          json.key("gtid")
          json.string(transaction.start.gtids.description)
        }
      }
    }
  }

  /// - Throws: `.corruptState` when the text was not written by `token`, or by a newer version.
  package init(token: String) throws(Failure) {
    guard token.utf8.count <= 1 << 20 else {
      throw Failure(.corruptState, "a stored position is longer than 1 MiB")
    }
    let form: Form
    do {
      form = try JSONDecoder().decode(Form.self, from: Data(token.utf8))
    } catch {
      throw Failure(
        .corruptState, "a stored position cannot be read as a position of a MariaDB or MySQL log",
        hint: "the checkpoint was written by another kind of source, or it is damaged: reset the pipeline")
    }
    guard form.v == 1 else {
      throw Failure(
        .corruptState, "a stored position has version \(form.v); this program reads version 1",
        hint: "use the version of freshet that wrote it, or a newer one")
    }
    do throws(Failure) {
      self.init(
        gtids: try GTIDSet(form.gtid), log: LogPlace(file: form.file, offset: form.offset),
        server: ServerIdentity(id: form.server, uuid: form.uuid, logCreated: form.created))
      for item in form.prepared ?? [] {
        prepared.append(
          PreparedTransaction(
            identifier: item.id,
            start: BinlogPosition(file: item.file, offset: item.offset, gtids: try GTIDSet(item.gtid))))
      }
    } catch {
      throw Failure(.corruptState, "a stored position holds a GTID set that cannot be read", cause: error.message)
    }
    if let text = form.committed {
      guard let microseconds = Int64(text), (0...Int64(TaggedGTID.latestCommit)).contains(microseconds) else {
        throw Failure(.corruptState, "a stored position holds a commit time that is none")
      }
      committed = EventTime(microseconds: microseconds)
    }
    snapshot = try form.snapshot.map { form throws(Failure) in try SnapshotState(form) }
  }

  package init(_ position: Position) throws(Failure) { try self.init(token: position.token) }

  private struct Form: Decodable {
    struct Prepared: Decodable {
      var id: String
      var file: String
      var offset: UInt64
      var gtid: String
    }

    var v: Int
    var gtid: String
    var file: String
    var offset: UInt64
    var server: UInt32
    var uuid: String
    var created: UInt32
    var prepared: [Prepared]?
    var committed: String?
    var snapshot: SnapshotState.Form?
  }
}
