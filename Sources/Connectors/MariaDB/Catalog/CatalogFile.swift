internal import Change
internal import Compression
internal import FoundationEssentials
internal import Glibc
internal import Pipeline

/// The catalog in the state directory: one line with a checksum, then JSON; replaced by rename, readable by the user
/// alone.
struct CatalogFile {
  private let directory: String
  let path: String
  /// The server in whose log the places lie.
  let server: ServerIdentity

  init(directory: String, server: ServerIdentity) {
    self.directory = directory
    path = directory + "/catalog.json"
    self.server = server
  }

  /// The stored definitions; nil when there are none. Those of another server that ever changed are left out: the places
  /// at which they did mean nothing in this server's log.
  /// - Throws: `.corruptState` when the file is damaged.
  func read() throws(Failure) -> [TableName: [Catalog.Version]]? {
    guard access(path, F_OK) == 0 else { return nil }
    guard let data = FileManager.default.contents(atPath: path) else {
      throw Failure(.inputOutput, "cannot read the catalog", at: path)
    }
    let bytes = [UInt8](data)
    guard let end = bytes.firstIndex(of: 10),
      let sum = UInt32(String(decoding: bytes[..<end], as: UTF8.self), radix: 16),
      CatalogFile.checksum(bytes[(end + 1)...]) == sum, end + 1 < bytes.count
    else { throw damaged("its checksum does not match") }
    do {
      let data = Data(bytes[(end + 1)...])
      // A file of an earlier version is the list alone, and does not tell its server.
      if bytes[end + 1] == UInt8(ascii: "[") {
        return CatalogFile.tables(try JSONDecoder().decode([Entry].self, from: data))
      }
      let form = try JSONDecoder().decode(Form.self, from: data)
      let tables = CatalogFile.tables(form.tables)
      let isSame = ServerIdentity(id: form.server, uuid: form.uuid).isSameServer(as: server)
      return isSame ? tables : CatalogFile.withoutPlaces(tables)
    } catch {
      throw damaged("it is not a catalog of this version")
    }
  }

  func write(_ tables: [TableName: [Catalog.Version]]) throws(Failure) {
    let body: [UInt8]
    do {
      let form = Form(server: server.id, uuid: server.uuid, tables: CatalogFile.entries(tables))
      body = [UInt8](try JSONEncoder().encode(form))
    } catch {
      throw Failure(.internal, "cannot write the catalog as JSON", at: path, cause: "\(error)")
    }
    let content = Array(String(CatalogFile.checksum(body[...]), radix: 16).utf8) + [10] + body
    try replace(with: content)
  }

  private func replace(with content: [UInt8]) throws(Failure) {
    let temporary = path + ".new"
    let file = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    guard file >= 0 else { throw systemFailure("cannot create the catalog") }
    var written = 0
    while written < content.count {
      let count = content[written...].withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else {
        let failure = systemFailure("cannot write the catalog")
        close(file)
        throw failure
      }
      written += count
    }
    let isSynced = fsync(file) == 0
    guard close(file) == 0, isSynced, rename(temporary, path) == 0 else {
      throw systemFailure("cannot make the catalog durable")
    }
    try DurableDirectory.sync(directory)
  }

  private static func checksum(_ bytes: ArraySlice<UInt8>) -> UInt32 { bytes.withUnsafeBytes { Checksum.crc32($0) } }

  private func damaged(_ why: String) -> Failure {
    Failure(
      .corruptState, "the catalog of table definitions is damaged: \(why)", at: path,
      hint: "remove the file: definitions are then read from the server")
  }

  private func systemFailure(_ attempt: String) -> Failure {
    Failure(errno == ENOSPC ? .diskFull : .inputOutput, attempt, at: path, cause: String(cString: strerror(errno)))
  }
}

extension CatalogFile {
  private struct Form: Codable {
    var server: UInt32
    var uuid: String
    var tables: [Entry]
  }

  private struct Entry: Codable {
    var schema: String
    var table: String
    var versions: [Version]
  }

  private struct Version: Codable {
    var file: String?
    var offset: UInt64?
    var columns: [Column]
    var primaryKey: [String]
    var uniqueKeys: [[String]]
    /// Absent in files of an earlier version, as are the optional values of a column.
    var indexes: [Index]?
    /// The default of text columns that name none.
    var charset: String?
    var collation: String?
  }

  private struct Index: Codable {
    var name: String
    var kind: String
    var columns: [String]
    /// 0: the whole value.
    var prefixes: [Int]
  }

  private struct Column: Codable {
    var name: String
    var type: String
    var nullable: Bool?
    var literal: String?
    var expression: String?
    var generation: String?
    var invisible: Bool
    var charset: String?
    var collation: String?
    var generationExpression: String?
    var autoIncrement: Bool?
  }

  private static func entries(_ tables: [TableName: [Catalog.Version]]) -> [Entry] {
    tables.sorted { $0.key < $1.key }.map { name, versions in
      Entry(
        schema: name.namespace, table: name.table,
        versions: versions.map { version in
          Version(
            file: version.place?.file, offset: version.place?.offset, columns: version.hints.columns.map(column),
            primaryKey: version.hints.primaryKey, uniqueKeys: version.hints.uniqueKeys,
            indexes: version.hints.indexes?.map(index), charset: version.hints.charset,
            collation: version.hints.collation)
        })
    }
  }

  private static func withoutPlaces(_ tables: [TableName: [Catalog.Version]]) -> [TableName: [Catalog.Version]] {
    tables.compactMapValues { versions in
      guard versions.count == 1, !versions[0].hints.columns.isEmpty else { return nil }
      return [Catalog.Version(place: nil, hints: versions[0].hints)]
    }
  }

  private static func index(_ index: TableHints.Index) -> Index {
    Index(
      name: index.name, kind: index.kind.rawValue, columns: index.parts.map(\.column),
      prefixes: index.parts.map { $0.prefix ?? 0 })
  }

  private static func index(_ stored: Index) -> TableHints.Index {
    TableHints.Index(
      name: stored.name, kind: TableIndex.Kind(rawValue: stored.kind) ?? .ordinary,
      parts: zip(stored.columns, stored.prefixes).map { TableHints.Index.Part(column: $0, prefix: $1 == 0 ? nil : $1) })
  }

  private static func column(_ column: TableHints.Column) -> Column {
    var stored = Column(
      name: column.name, type: column.nativeType, nullable: column.isNullable, invisible: column.isInvisible,
      charset: column.charset, collation: column.collation, generationExpression: column.generationExpression,
      autoIncrement: column.isAutoIncrement ? true : nil)
    switch column.defaultValue {
    case .literal(let text): stored.literal = text
    case .expression(let text): stored.expression = text
    case nil: break
    }
    switch column.generation {
    case .no: break
    case .virtual: stored.generation = "virtual"
    case .stored: stored.generation = "stored"
    }
    return stored
  }

  private static func tables(_ entries: [Entry]) -> [TableName: [Catalog.Version]] {
    var tables: [TableName: [Catalog.Version]] = [:]
    for entry in entries {
      tables[TableName(namespace: entry.schema, table: entry.table)] = entry.versions.map { version in
        let place = version.file.flatMap { file in version.offset.map { LogPlace(file: file, offset: $0) } }
        return Catalog.Version(
          place: place,
          hints: TableHints(
            columns: version.columns.map(column), primaryKey: version.primaryKey, uniqueKeys: version.uniqueKeys,
            indexes: version.indexes?.map(index), charset: version.charset, collation: version.collation))
      }
    }
    return tables
  }

  private static func column(_ stored: Column) -> TableHints.Column {
    TableHints.Column(
      name: stored.name, nativeType: stored.type, isNullable: stored.nullable,
      defaultValue: stored.literal.map { .literal($0) } ?? stored.expression.map { .expression($0) },
      generation: stored.generation == "virtual" ? .virtual : stored.generation == "stored" ? .stored : .no,
      isInvisible: stored.invisible, charset: stored.charset, collation: stored.collation,
      generationExpression: stored.generationExpression, isAutoIncrement: stored.autoIncrement ?? false)
  }
}
