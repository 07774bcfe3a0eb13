import Change

/// One schema as Kafka Connect's JSON converter writes it before a payload (Kafka Connect, `JsonConverter.asJsonSchema`).
struct ConnectSchema {
  /// `int16`, `string`, `struct`…
  var type: String
  /// The logical type's name and, where it has one, what else belongs to it.
  var name: String?
  var version: Int? = 1
  var doc: String?
  var parameters: [(String, String)] = []
  var fields: [String] = []

  init(_ type: String, _ name: String? = nil) {
    self.type = type
    self.name = name
  }

  /// The schema as a JSON object.
  /// - Parameters:
  ///   - defaultValue: JSON; nil: there is none.
  ///   - field: the name of the field that has this schema; nil: it is none.
  func text(isOptional: Bool, defaultValue: String? = nil, field: String? = nil) -> String {
    var text = "{\"type\":\"\(type)\""
    if type == "struct" { text += ",\"fields\":[\(fields.joined(separator: ","))]" }
    text += ",\"optional\":\(isOptional)"
    if let name {
      text += ",\"name\":\(Self.quoted(name))"
      if let version { text += ",\"version\":\(version)" }
    }
    if let doc { text += ",\"doc\":\(Self.quoted(doc))" }
    if !parameters.isEmpty {
      let members = parameters.map { "\(Self.quoted($0.0)):\(Self.quoted($0.1))" }
      text += ",\"parameters\":{\(members.joined(separator: ","))}"
    }
    if let defaultValue { text += ",\"default\":\(defaultValue)" }
    if let field { text += ",\"field\":\(Self.quoted(field))" }
    return text + "}"
  }

  static func quoted(_ text: String) -> String {
    var writer = ByteWriter(capacity: 64)
    writer.append(jsonString: text)
    return writer.text()
  }

  /// A schema of several fields.
  static func structure(_ name: String, version: Int? = nil, _ fields: [String]) -> ConnectSchema {
    var schema = ConnectSchema("struct", name)
    schema.version = version
    schema.fields = fields
    return schema
  }

  static func optional(_ type: String, _ field: String) -> String {
    ConnectSchema(type).text(isOptional: true, field: field)
  }

  static func required(_ type: String, _ field: String) -> String {
    ConnectSchema(type).text(isOptional: false, field: field)
  }

  /// An array whose elements have the given schema.
  static func array(_ items: String, isOptional: Bool, field: String) -> String {
    "{\"type\":\"array\",\"items\":\(items),\"optional\":\(isOptional),\"field\":\"\(field)\"}"
  }
}

extension ConnectSchema {
  /// The schema of one column's values in the form in which they are written.
  init(_ column: ColumnSchema, _ plan: DebeziumColumn, _ options: DebeziumOptions) {
    self =
      Self.numeric(column.type, plan.form) ?? Self.temporal(column.type, plan.form, options)
      ?? Self.other(column.type, plan.form, options)
  }

  /// The schema of each column as a field of its row.
  static func fields(of schema: TableSchema, _ options: DebeziumOptions) -> [String] {
    schema.columns.map { column in
      let plan = DebeziumColumn(column, options)
      var writer = ByteWriter(capacity: 64)
      let hasDefault = DebeziumPlan.append(defaultOf: column, plan, to: &writer)
      return ConnectSchema(column, plan, options).text(
        isOptional: column.isNullable, defaultValue: hasDefault ? writer.text() : nil, field: column.name)
    }
  }

  private static func numeric(_ type: ColumnType, _ form: DebeziumColumn.Form) -> ConnectSchema? {
    switch (type, form) {
    case (.boolean, _), (_, .integerBoolean), (_, .bitBoolean): return ConnectSchema("boolean")
    case (_, .unsignedPrecise): return decimal(precision: 20, scale: 0)
    case (.decimal(let precision, let scale, _), .decimalPrecise): return decimal(precision: precision, scale: scale)
    case (.unboundedDecimal, .decimalPrecise): return ConnectSchema("bytes")
    case (_, .decimalDouble), (.float64, _), (.float32, .widenedFloat): return ConnectSchema("double")
    case (_, .decimalText): return ConnectSchema("string")
    case (.float32, _): return ConnectSchema("float")
    case (.integer(let bits, let unsigned), _):
      // The smallest signed type that holds the values; Connect has int8, which Debezium does not use here.
      let needed = unsigned ? bits + 1 : bits
      return ConnectSchema(needed <= 16 ? "int16" : needed <= 32 ? "int32" : "int64")
    case (.year, _): return ConnectSchema("int32", "io.debezium.time.Year")
    case (.bit(let width), _):
      var bits = ConnectSchema("bytes", "io.debezium.data.Bits")
      bits.parameters = [("length", "\(width)")]
      return bits
    default: return nil
    }
  }

  private static func decimal(precision: Int, scale: Int) -> ConnectSchema {
    var decimal = ConnectSchema("bytes", "org.apache.kafka.connect.data.Decimal")
    decimal.parameters = [("scale", "\(scale)"), ("connect.decimal.precision", "\(precision)")]
    return decimal
  }

  private static func temporal(
    _ type: ColumnType, _ form: DebeziumColumn.Form, _ options: DebeziumOptions
  ) -> ConnectSchema? {
    let isConnect = options.times == .connect
    let package = isConnect ? "org.apache.kafka.connect.data" : "io.debezium.time"
    switch (type, form) {
    case (.date, .isoDate): return ConnectSchema("string", "io.debezium.time.IsoDate")
    case (.date, _): return ConnectSchema("int32", "\(package).Date")
    case (.time, .isoTime): return ConnectSchema("string", "io.debezium.time.IsoTime")
    case (.time, .microseconds): return ConnectSchema("int64", "io.debezium.time.MicroTime")
    case (.time, .nanoseconds): return ConnectSchema("int64", "io.debezium.time.NanoTime")
    case (.time, _): return ConnectSchema("int32", "\(package).Time")
    case (.timestamp, .isoTimestamp): return ConnectSchema("string", "io.debezium.time.IsoTimestamp")
    case (.timestamp, .microseconds): return ConnectSchema("int64", "io.debezium.time.MicroTimestamp")
    case (.timestamp, .nanoseconds): return ConnectSchema("int64", "io.debezium.time.NanoTimestamp")
    case (.timestamp, _): return ConnectSchema("int64", "\(package).Timestamp")
    case (.timestampZoned, _): return ConnectSchema("string", "io.debezium.time.ZonedTimestamp")
    default: return nil
    }
  }

  private static func other(
    _ type: ColumnType, _ form: DebeziumColumn.Form, _ options: DebeziumOptions
  ) -> ConnectSchema {
    switch type {
    case .bytes: return ConnectSchema(options.binaries == .bytes ? "bytes" : "string")
    case .json: return ConnectSchema("string", "io.debezium.data.Json")
    case .uuid: return ConnectSchema("string", "io.debezium.data.Uuid")
    case .enumeration(let members): return allowing(members, "io.debezium.data.Enum")
    case .set(let members): return allowing(members, "io.debezium.data.EnumSet")
    case .geometry(let kind): return geometry(isPoint: kind == .point)
    default: return ConnectSchema("string")
    }
  }

  /// The members with commas between them, and a backslash before a comma of their own.
  private static func allowing(_ members: [String], _ name: String) -> ConnectSchema {
    var schema = ConnectSchema("string", name)
    let escaped = members.map { $0.split(separator: ",", omittingEmptySubsequences: false).joined(separator: "\\,") }
    schema.parameters = [("allowed", escaped.joined(separator: ","))]
    return schema
  }

  private static func geometry(isPoint: Bool) -> ConnectSchema {
    let srid = optional("int32", "srid")
    var schema = structure("io.debezium.data.geometry.\(isPoint ? "Point" : "Geometry")", version: 1, [])
    schema.fields =
      isPoint
      ? [required("double", "x"), required("double", "y"), optional("bytes", "wkb"), srid]
      : [required("bytes", "wkb"), srid]
    schema.doc = isPoint ? "Geometry (POINT)" : "Geometry"
    return schema
  }
}
