import Change
import MariaDBClient
import Pipeline
import SQLRendering

/// Writes changes into one open transaction of one connection.
///
/// *Ordering*: statements reach the server in the order of the calls; while it works on one, the next is written and sent,
/// so that it never waits. What fails ends the transaction or is about a row, and then the statement behind it stands.
/// *Memory*: a buffer of about `statementBytes`, larger only for a row that is. *Thread*: one at a time.
final class GroupWriter {
  /// Bytes at which a statement is sent.
  static let statementBytes = 512 << 10

  let connection: MariaDBConnection
  /// Which of the sink's writers it is.
  let number: Int
  /// How many writers share the keys of the table in hand.
  private var shares = 1
  /// The largest statement that the server takes, in bytes.
  let packetLimit: Int
  let hasBulk: Bool
  let refusals: RowRefusals
  var buffer = StatementBuffer()
  /// What was sent and is not answered yet, oldest first: two at most.
  private var flights: [Flight] = []
  /// Statements of changes that are carried out one by one, in log order, and were not sent yet.
  let direct = DirectQueue()
  /// Entries of the net change in hand that were put aside.
  var refused: Set<Int> = []
  /// Which entries were put aside when the savepoint of `storeChanges` was set; nil: it is not.
  var savepoint: Set<Int>?
  private var prepared: [PreparedKey: MariaDBStatement] = [:]
  /// What this writer alone knows of tables that several may write.
  private var notes: [ObjectIdentifier: Notes] = [:]

  struct Notes {
    /// Rows of the net change in hand that were put aside.
    var quarantined: UInt64 = 0
    /// The server has remarked on a statement: each is looked at before the next is sent.
    var hasRemarks = false
    /// The target does not take rows without the columns that did not change.
    var takesWholeRows = false
    /// By the columns that are stored: how many remarks the server has about the others.
    var omissions: [UInt64: UInt32] = [:]
  }

  private struct PreparedKey: Hashable {
    var table: ObjectIdentifier
    var isInsert: Bool
  }

  /// A statement for entries of a table's net change.
  private struct Flight {
    var table: MirrorTable
    var step: Step
    var range: Range<Int>
    var rows: Int
  }

  /// A statement that has not done what it should.
  private struct Trouble {
    var flight: Flight
    /// nil: it was carried out, and the server has remarks about it, or has not found all rows that it changes.
    var error: MariaDBError?
    /// Whether the server may have stored other values than it was given.
    var losesValues = false
  }

  init(connection: MariaDBConnection, refusals: RowRefusals, number: Int) throws(Failure) {
    self.connection = connection
    self.refusals = refusals
    self.number = number
    hasBulk = connection.hasBulkExecution
    let limit = try connection.query("SELECT @@max_allowed_packet").first?.first ?? nil
    // Room for the command and what the server counts besides.
    packetLimit = max(1024, (limit.flatMap { Int($0) } ?? 1 << 20) - 64)
  }

  /// Gives up what was prepared: the tables may have changed.
  func forget() {
    prepared.removeAll()
    notes.removeAll()
  }

  subscript(table: MirrorTable) -> Notes {
    get { notes[ObjectIdentifier(table)] ?? Notes() }
    set { notes[ObjectIdentifier(table)] = newValue }
  }

  /// The rows of a table's net change that this writer has put aside, which begin anew.
  func takeQuarantined(_ table: MirrorTable) -> UInt64 {
    defer { self[table].quarantined = 0 }
    return self[table].quarantined
  }

  // MARK: A table's net change

  /// Applies this writer's share of a table's net change.
  /// - Parameter shares: how many writers apply it, each some of its keys.
  func apply(_ table: MirrorTable, _ net: NetChange, shares: Int = 1) throws {
    self.shares = shares
    defer { self.shares = 1 }
    refused.removeAll()
    // Of a row that came and went another source's may be there; where keys of other bytes are equal, the source's own.
    if !table.target.takesKeysForEqual {
      try requireNoRows(table, net, net.entries.indices) { $0.state == .deleted }
    }
    let all = net.entries.indices
    if table.mode.kind == .history {
      try applyVersions(table, net, table.mode)
    } else if table.target.hasOtherUniqueKeys {
      try run(Step(.deletedOrStored, .delete), table, net, all)
      try finish()
      try applyPartial(table, net)
      try run(Step(.rows, .insert), table, net, all)
    } else {
      try run(Step(.deleted, .delete), table, net, all)
      try run(Step(.newRows, .insert), table, net, all)
      try run(Step(.rewrittenRows, .upsert), table, net, all)
      try storeChanges(table, net)
      try run(Step(.partial, .update), table, net, all)
    }
    try finish()
    // The key that a row moved away from is not a change of its own: the change is counted at the key that it moved to.
    let own = refused.reduce(0) { $0 + (net.entries[$1].isOwn ? 1 : 0) }
    self[table].quarantined += UInt64(own)
  }

  func run(_ step: Step, _ table: MirrorTable, _ net: NetChange, _ range: Range<Int>) throws {
    var step = step
    // A list of keys may be read as a scan, which would wait for the rows of other writers.
    let isListed = table.keyColumns.count == 1 && shares == 1
    step.isBulk = hasBulk && (step.form == .insert || (step.form == .delete && !isListed))
    var begin = range.lowerBound
    while begin < range.upperBound {
      // What may have to be looked at before anything else is sent.
      let isAlone = step.form == .update || step.isRetry || self[table].hasRemarks || isUnknown(step, table)
      buffer.removeAll()
      var step = step
      step.setsSavepoint = step.storesPart && savepoint == nil
      var written = try write(step, table, net, begin..<range.upperBound, to: buffer)
      // Whether the row of a single one was there is not told.
      if step.form == .change, written.rows == 1 {
        step.form = .upsert
        step.setsSavepoint = false
        buffer.removeAll()
        written = try write(step, table, net, begin..<written.end, to: buffer)
      }
      if written.rows > 0 {
        if isAlone || flights.last?.step.form == .update { try finish() }
        try send(buffer, step)
        if step.setsSavepoint { savepoint = refused }
        flights.append(Flight(table: table, step: step, range: begin..<written.end, rows: written.rows))
        if !isAlone { try settle(keeping: 1) }
      }
      begin = written.end
    }
  }

  private func send(_ buffer: StatementBuffer, _ step: Step) throws(Failure) {
    do throws(MariaDBError) {
      if step.isBulk {
        try connection.send(bulk: unsafe buffer.bytes)
      } else {
        try connection.send(text: unsafe buffer.bytes)
      }
    } catch {
      throw failure(error)
    }
  }

  /// Waits for the answers to everything that was sent, and carries on where the server refused a row.
  func finish() throws { try settle(keeping: 0) }

  /// Waits until at most `kept` statements are not answered; until all are, when one has not done what it should.
  private func settle(keeping kept: Int) throws {
    var troubles: [Trouble] = []
    while flights.count > (troubles.isEmpty ? kept : 0) {
      let flight = flights.removeFirst()
      if flight.step.form == .update {
        try finishUpdates(flight)
      } else if let trouble = try receive(flight) {
        troubles.append(trouble)
      }
    }
    guard !troubles.isEmpty else { return }
    if troubles.contains(where: \.losesValues) { throw LostValues() }
    // The caller may be writing its next statement.
    let written = buffer
    buffer = StatementBuffer()
    defer { buffer = written }
    for trouble in troubles { try mend(trouble) }
  }

  private func receive(_ flight: Flight) throws -> Trouble? {
    let answer: MariaDBAnswer
    do throws(MariaDBError) {
      if flight.step.setsSavepoint { _ = try connection.receive() }
      answer = flight.step.setsSavepoint ? try connection.receiveNext() : try connection.receive()
    } catch {
      guard error.isAboutTheRow else { throw failure(error) }
      return Trouble(flight: flight, error: error)
    }
    if flight.step.form == .change {
      let isWhole = connection.duplicates == UInt64(flight.rows)
      if flight.step.storesPart, try !isAboutOmissions(answer, flight.step, flight.table) {
        return Trouble(flight: flight, losesValues: true)
      }
      guard isWhole else { return Trouble(flight: flight) }
      if flight.step.storesPart { return nil }
    }
    guard answer.warnings > 0 else { return nil }
    self[flight.table].hasRemarks = true
    // Its remarks are gone when another statement is on its way: it is repeated alone.
    guard flights.isEmpty else { return Trouble(flight: flight) }
    do throws(MariaDBError) {
      try refuseLosses(flight.table)
      return nil
    } catch {
      guard error.isAboutTheRow else { throw failure(error) }
      return Trouble(flight: flight, error: error)
    }
  }

  private func mend(_ trouble: Trouble) throws {
    let flight = trouble.flight
    guard let net = flight.table.net else { return }
    if let error = trouble.error, flight.step.form != .change { return try recover(flight, net, error) }
    if trouble.error != nil { self[flight.table].takesWholeRows = true }
    try replace(flight, net)
  }

  /// Carries out a statement's step again where its rows may be there already.
  private func replace(_ flight: Flight, _ net: NetChange) throws {
    var step = flight.step
    step.isRetry = true
    if step.form == .change { step.form = .upsert }
    if step.form == .insert {
      if flight.table.target.hasOtherUniqueKeys {
        try run(Step(step.rows, .delete), flight.table, net, flight.range)
        try finish()
      } else {
        step.form = .upsert
      }
    }
    try run(step, flight.table, net, flight.range)
    try finish()
  }

  /// Every statement must find its row.
  private func finishUpdates(_ flight: Flight) throws {
    guard let net = flight.table.net else { return }
    var missing: [Int] = []
    var isFirst = true
    for index in flight.range where takes(flight.step.rows, net, index) {
      do throws(MariaDBError) {
        let answer = isFirst ? try connection.receive() : try connection.receiveNext()
        isFirst = false
        if answer.affectedRows == 0 { missing.append(index) }
        if answer.warnings > 0, !answer.hasMore { try refuseLosses(flight.table) }
      } catch {
        guard error.isAboutTheRow else { throw failure(error) }
        if error.isUniqueConflict, flight.table.target.hasOtherUniqueKeys { throw TradedValues() }
        for entry in missing { try refuseEntry(.missing, entry, flight.table, net) }
        try refuseEntry(.refused(error.message), index, flight.table, net)
        let written = buffer
        buffer = StatementBuffer()
        defer { buffer = written }
        try run(flight.step, flight.table, net, (index + 1)..<flight.range.upperBound)
        return try finish()
      }
    }
    for entry in missing { try refuseEntry(.missing, entry, flight.table, net) }
  }

  /// Finds the row that made a statement fail, and carries out the others. The failed statement itself has changed nothing.
  private func recover(_ flight: Flight, _ net: NetChange, _ error: MariaDBError) throws {
    guard error.isAboutTheRow else { throw failure(error) }
    let table = flight.table
    let step = flight.step
    // The rows are there already: they came with a snapshot, or another writer has put them there.
    let indexes = flight.range.filter { takes(step.rows, net, $0) }
    if error.isUniqueConflict, step.form == .insert, !step.isRetry {
      try requireNoRows(table, net, flight.range) { $0.state == .row }
      // Two keys of several sources that the target takes for one are found by storing them one after the other.
      guard table.sharing != nil, table.target.takesKeysForEqual, indexes.count > 1 else {
        return try replace(flight, net)
      }
    }
    guard indexes.count > 1 else {
      for index in indexes { try refuseEntry(.refused(error.message), index, table, net) }
      return
    }
    let middle = indexes[indexes.count / 2]
    try run(step, table, net, flight.range.lowerBound..<middle)
    try finish()
    try run(step, table, net, middle..<flight.range.upperBound)
    try finish()
  }

  func refuseEntry(_ problem: RowProblem, _ index: Int, _ table: MirrorTable, _ net: NetChange) throws {
    try finish()
    refused.insert(index)
    try refuse(problem, net.place(of: net.entries[index]), table)
  }

  /// Puts a row aside in this writer's transaction, or stops.
  func refuse(_ problem: RowProblem, _ place: ChangePlace, _ table: MirrorTable) throws {
    let statement = try refusals.statement(problem, place, table, limit: packetLimit)
    try answered { () throws(MariaDBError) in try runScript(statement) }
  }

  /// Whether an entry belongs to a step, and to this writer, and was not put aside.
  @inline(__always)
  func takes(_ rows: Step.Rows, _ net: NetChange, _ index: Int) -> Bool {
    takes(rows, net.entries[index]) && (refused.isEmpty || !refused.contains(index))
  }

  @inline(__always)
  func owns(_ entry: NetChange.Entry) -> Bool { shares == 1 || NetChange.share(of: entry, among: shares) == number }

  /// The strict mode refuses most of what does not fit; what it only mentions is refused here.
  private func refuseLosses(_ table: MirrorTable) throws(MariaDBError) {
    let rows: [[String?]]
    do throws(Failure) {
      rows = try connection.query("SHOW WARNINGS LIMIT 64")
    } catch {
      throw MariaDBError(number: 2013, sqlState: "HY000", message: error.message)
    }
    let losses: Set<String> = ["1264", "1265", "1292", "1366", "1406", "1411"]
    guard let loss = rows.first(where: { $0.count > 2 && losses.contains($0[1] ?? "") }) else { return }
    throw MariaDBError(
      number: MariaDBError.valueCut, sqlState: "01000",
      message: "the target has cut a value: "
        + MariaDBError(
          number: UInt32(loss[1] ?? "") ?? 1265, sqlState: "01000", message: loss[2] ?? ""
        ).message)
  }

  /// The statement for whole rows or keys in the binary form, prepared once.
  func statement(_ table: MirrorTable, isInsert: Bool) throws -> MariaDBStatement {
    let key = PreparedKey(table: ObjectIdentifier(table), isInsert: isInsert)
    if let known = prepared[key] { return known }
    try finish()
    do throws(MariaDBError) {
      let statement = try MariaDBStatement(connection, isInsert ? table.insertText : table.deleteText)
      prepared[key] = statement
      return statement
    } catch {
      throw failure(error)
    }
  }

  func failure(_ error: MariaDBError) -> Failure {
    if error.number == MariaDBError.valueCut { return Failure(.badValue, error.message, at: connection.place) }
    return error.failure("cannot write to the target", at: connection.place)
  }

  /// Runs statements of ours, and returns the answers.
  @discardableResult
  func runScript(_ text: String) throws(MariaDBError) -> [MariaDBAnswer] {
    let buffer = StatementBuffer(capacity: text.utf8.count + 16)
    buffer.append(text)
    return try run(buffer)
  }

  @discardableResult
  func run(_ buffer: StatementBuffer) throws(MariaDBError) -> [MariaDBAnswer] {
    try connection.send(text: unsafe buffer.bytes)
    var answers = [try connection.receive()]
    while answers[answers.count - 1].hasMore { answers.append(try connection.receiveNext()) }
    return answers
  }

  /// Turns what the server says about a statement of ours into a failure.
  @discardableResult
  func answered<Result>(_ body: () throws(MariaDBError) -> Result) throws(Failure) -> Result {
    do throws(MariaDBError) { return try body() } catch { throw failure(error) }
  }
}

extension MariaDBError {
  /// Ours: the server stored a value that is not the one that it was given.
  static let valueCut: UInt32 = 900_001
}
