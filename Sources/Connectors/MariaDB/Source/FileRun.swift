internal import Change
internal import Flow
internal import Pipeline

/// Reads log files on disk, in the order in which they are named, to the end of the last one. No server is asked.
///
/// *Position*: file and offset, with the GTIDs where the log has them.
struct FileRun {
  let options: MariaDBSourceOptions
  let context: ConnectorContext

  func run(
    from checkpoints: [Position?], into output: any SourceOutput, control: SourceControl
  ) async throws {
    let base = FileRun.name(options.files.first ?? "").split(separator: ".").dropLast().joined(separator: ".")
    context.source.set(kind: options.kind, logFileBase: base)
    let end = try StreamEnd(control.until) { () throws(Failure) in LogPlace(file: "", offset: 0) }
    let start = try startPosition(checkpoints)
    var paths = options.files[...]
    if let start, !start.log.file.isEmpty {
      let wanted = start.prepared.first?.start.file ?? start.log.file
      while let path = paths.first, FileRun.name(path) != wanted { paths.removeFirst() }
      guard !paths.isEmpty else {
        throw Failure(
          .positionLost, "the start position lies in \"\(wanted)\", which is none of `files`",
          hint: "name the file, or reset the pipeline's sinks")
      }
    }
    let offset = start.map { $0.prepared.first?.start.offset ?? $0.log.offset } ?? 4
    let catalog = try self.catalog(from: start)
    let reader = FileReader(
      decoder: decoder(start, first: paths.first ?? "", offset: offset, catalog), catalog: catalog,
      stateDirectory: context.stateDirectory, expectedCreation: expectedCreation(start),
      batchBytes: options.batchBytes, output: output,
      control: control, end: end)
    for (index, path) in paths.enumerated() {
      guard try await reader.read(path, offset: index == 0 ? max(offset, 4) : 4) else { return }
    }
    try await reader.finish()
  }

  /// What the log has said of its tables before `start`; nobody else can be asked.
  private func catalog(from start: MariaDBPosition?) throws(Failure) -> Catalog {
    let catalog = Catalog { _ in nil }
    if let start, let stored = try CatalogFile(directory: context.stateDirectory, server: start.server).read() {
      catalog.load(stored)
    }
    return catalog
  }

  /// When the first file was made that is read; 0: it is not known.
  private func expectedCreation(_ start: MariaDBPosition?) -> UInt32 {
    guard let start, start.prepared.first.map({ $0.start.file == start.log.file }) ?? true else { return 0 }
    return start.server.logCreated
  }

  private func startPosition(_ checkpoints: [Position?]) throws(Failure) -> MariaDBPosition? {
    var positions: [MariaDBPosition] = []
    for checkpoint in checkpoints {
      // A sink that has nothing needs everything from the first file on.
      guard let checkpoint else { return try configuredStart() }
      positions.append(try MariaDBPosition(checkpoint))
    }
    return try MariaDBPositions.smallest(positions)
  }

  private func configuredStart() throws(Failure) -> MariaDBPosition? {
    switch options.start {
    case .place(let place): return MariaDBPosition(log: place)
    case .gtid(let set): return MariaDBPosition(gtids: set, log: LogPlace(file: "", offset: 4))
    case .latest:
      throw Failure(.configuration, "`start: latest` of log files would read nothing")
    case .earliest, nil: return nil
    }
  }

  private func decoder(
    _ start: MariaDBPosition?, first: String, offset: UInt64, _ catalog: Catalog
  ) -> BinlogDecoder {
    var decoding = BinlogDecoder.Options()
    let wanted = WantedTables(options: options, filter: TableFilter(options.tables))
    decoding.isWanted = { wanted.includes($0) }
    decoding.allowsUnnamedColumns = true
    decoding.heldByteLimit = max(1 << 20, context.memoryLimit / 4)
    var gtids = start?.gtids ?? GTIDSet()
    if let start, let first = start.prepared.first {
      decoding.emittedUntil = (start.log.file, start.log.offset)
      gtids = first.start.gtids
    }
    if let start, start.log.file.isEmpty { decoding.emitted = start.gtids }
    let decoder = BinlogDecoder(
      position: BinlogPosition(file: FileRun.name(first), offset: offset, gtids: gtids), provider: catalog,
      options: decoding)
    decoder.latestCommit = start?.committed ?? .distantPast
    return decoder
  }

  static func name(_ path: String) -> String { path.split(separator: "/").last.map(String.init) ?? path }
}

/// Feeds the events of files to a decoder and sends full batches.
private final class FileReader {
  private var decoder: BinlogDecoder
  private let catalog: Catalog
  private let stateDirectory: String
  private let builder: BatchBuilder
  private let output: any SourceOutput
  private let control: SourceControl
  private let end: StreamEnd
  private var logCreated: UInt32 = 0
  /// When the file was made in which the checkpoint lies, until its description was seen; 0: any file will do.
  private var expectedCreation: UInt32
  private var serverId: UInt32 = 0
  private var watermark = EventTime.distantPast
  /// The file in which the log goes on, once the one at hand says so.
  private var successor: String?

  init(
    decoder: BinlogDecoder, catalog: Catalog, stateDirectory: String, expectedCreation: UInt32, batchBytes: Int,
    output: any SourceOutput, control: SourceControl, end: StreamEnd
  ) {
    builder = BatchBuilder(byteLimit: batchBytes)
    self.decoder = decoder
    self.catalog = catalog
    self.stateDirectory = stateDirectory
    self.expectedCreation = expectedCreation
    self.output = output
    self.control = control
    self.end = end
    // Asked while an event is decoded only, and this reader lasts as long as its decoder.
    catalog.locate = { [unowned self] in
      let position = self.decoder.position
      return (LogPlace(file: position.file, offset: position.offset), self.decoder.eventEnd)
    }
  }

  /// Reads one file; false: the end was reached, or a stop was requested.
  func read(_ path: String, offset: UInt64) async throws -> Bool {
    let file = try BinlogFile(path: path, offset: offset)
    if decoder.position.file != file.name { try changeFile(to: file.name, offset: offset) }
    successor = nil
    while let action = try step(file) {
      if try await isFinished(after: action) { return false }
    }
    return true
  }

  /// Goes on in the next file: with all that is known when the last one names it, and else, when its server crashed or
  /// the file is not the last one's successor, anew.
  private func changeFile(to name: String, offset: UInt64) throws(Failure) {
    if successor == name { return decoder.enter(file: name, offset: offset) }
    try decoder.finish(into: builder)
    guard decoder.preparedTransactions.isEmpty else {
      throw Failure(
        .positionLost,
        "\"\(decoder.position.file)\" ends with prepared XA transactions and does not go on in \"\(name)\"",
        hint: "name all files of the log in `files`, in their order")
    }
    let committed = decoder.latestCommit
    decoder = BinlogDecoder(
      position: BinlogPosition(file: name, offset: offset, gtids: decoder.gtids), provider: catalog,
      options: decoder.options)
    decoder.latestCommit = committed
  }

  private func step(_ file: BinlogFile) throws(Failure) -> BinlogDecoder.Action? {
    try file.next { event throws(Failure) in
      if builder.readAt == 0 { builder.readAt = MonotonicTime.now() }
      catalog.eventTime = UInt32(littleEndian: event.loadUnaligned(as: UInt32.self))
      if event[4] == EventType.formatDescription.rawValue {
        logCreated = UInt32(littleEndian: event.loadUnaligned(as: UInt32.self))
        serverId = UInt32(littleEndian: event.loadUnaligned(fromByteOffset: 5, as: UInt32.self))
        try checkCreation()
      }
      return try decoder.decode(event, from: .file, into: builder)
    }
  }

  private func checkCreation() throws(Failure) {
    defer { expectedCreation = 0 }
    guard expectedCreation != 0, logCreated != 0, logCreated != expectedCreation else { return }
    throw Failure(
      .identity, "the log file of the checkpoint was replaced by another one of the same name",
      at: decoder.position.file, hint: "name the file that was read before, or reset the pipeline's sinks")
  }

  private func isFinished(after first: BinlogDecoder.Action) async throws -> Bool {
    var action = first
    while action == .more {
      try await flush()
      action = try decoder.continueDecoding(into: builder)
    }
    noteSuccessor(action)
    let hasEnded = action == .transactionEnded || action == .definitionEnded
    if case .time(let time) = end, hasEnded {
      let batch = take()
      if let last = batch.transactions.last, last.commitTime > time { return true }
      try await send(batch)
    }
    if builder.isFull || action == .definitionEnded { try await flush() }
    guard !builder.isInsideTransaction else { return control.stop.isRequested && hasEnded }
    let place = LogPlace(file: decoder.position.file, offset: decoder.position.offset)
    let isPlace = if case .place(let wanted) = end { !wanted.file.isEmpty } else { true }
    guard control.stop.isRequested || (isPlace && end.isReached(at: place, decoder.gtids)) else { return false }
    try await flush()
    return true
  }

  /// A server that was shut down goes on in the file of the next number.
  private func noteSuccessor(_ action: BinlogDecoder.Action) {
    switch action {
    case .rotated(let file, _): successor = file
    case .stopped: successor = FileReader.next(after: decoder.position.file)
    default: break
    }
  }

  /// `binlog.000009` becomes `binlog.000010`.
  private static func next(after file: String) -> String? {
    guard let dot = file.lastIndex(of: "."), let number = UInt32(file[file.index(after: dot)...]), number < .max else {
      return nil
    }
    let width = file.distance(from: dot, to: file.endIndex) - 1
    let digits = String(number + 1)
    return file[...dot] + String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits
  }

  func finish() async throws {
    try decoder.finish(into: builder)
    try await flush()
  }

  private func flush() async throws {
    guard !builder.isEmpty else { return }
    try await send(take())
  }

  private func send(_ batch: consuming Batch) async throws {
    // A definition is durable before a checkpoint can lie behind it.
    if catalog.isChanged {
      try CatalogFile(directory: stateDirectory, server: ServerIdentity(id: serverId)).write(catalog.tables)
      catalog.markSaved()
    }
    let committed = batch.transactions.last(where: \.ends)?.commitTime
    try await output.send(batch)
    guard let committed else { return }
    watermark = max(watermark, EventTime(microseconds: committed.microseconds - 1))
    output.advance(to: watermark)
  }

  private func take() -> Batch {
    let place = decoder.position
    let position = MariaDBPosition(
      gtids: place.gtids, log: LogPlace(file: place.file, offset: place.offset),
      server: ServerIdentity(id: serverId, logCreated: logCreated), prepared: decoder.preparedTransactions,
      committed: decoder.latestCommit)
    return builder.take(position: position.position)
  }
}
