extension ConnectSchema {
  /// What stands before a payload, whose end is a brace: `{"schema":…,"payload":`; nothing without a schema.
  static func opening(_ schema: String?) -> ByteWriter {
    guard let schema else { return ByteWriter(capacity: 0) }
    var writer = ByteWriter(capacity: 4096)
    writer.append("{\"schema\":")
    writer.append(string: schema)
    writer.append(",\"payload\":")
    return writer
  }

  /// The schema of a row's key.
  static func key(topic: String, fields: [String]) -> String {
    structure("\(topic).Key", fields).text(isOptional: false)
  }

  /// The schema of a row's envelope.
  static func envelope(topic: String, fields: [String], context: EncodingContext) -> String {
    let row = structure("\(topic).Value", fields)
    let order = structure(
      "event.block", version: 1,
      [required("string", "id"), required("int64", "total_order"), required("int64", "data_collection_order")])
    return structure(
      "\(topic).Envelope", version: 2,
      [
        row.text(isOptional: true, field: "before"), row.text(isOptional: true, field: "after"),
        source(context), order.text(isOptional: true, field: "transaction"), required("string", "op"),
        optional("int64", "ts_ms"), optional("int64", "ts_us"), optional("int64", "ts_ns"),
      ]
    ).text(isOptional: false)
  }

  /// The schema of the field `source`.
  private static func source(_ context: EncodingContext) -> String {
    var snapshot = ConnectSchema("string", "io.debezium.data.Enum")
    snapshot.parameters = [
      ("allowed", "true,first,first_in_data_collection,last_in_data_collection,last,false,incremental")
    ]
    return structure(
      "io.debezium.connector.\(context.schemaConnector).Source", version: 1,
      [
        required("string", "version"), required("string", "connector"), required("string", "name"),
        required("int64", "ts_ms"), snapshot.text(isOptional: true, defaultValue: "\"false\"", field: "snapshot"),
        required("string", "db"), optional("string", "sequence"), optional("int64", "ts_us"),
        optional("int64", "ts_ns"), optional("string", "table"), required("int64", "server_id"),
        optional("string", "gtid"), required("string", "file"), required("int64", "pos"), required("int32", "row"),
        optional("int64", "thread"), optional("string", "query"),
      ]
    ).text(isOptional: false, field: "source")
  }

  static let transactionKey = structure(
    "io.debezium.connector.common.TransactionMetadataKey", version: 1, [required("string", "id")]
  ).text(isOptional: false)

  static let transactionValue: String = {
    let collection = structure(
      "event.collection", version: 1, [required("string", "data_collection"), required("int64", "event_count")]
    ).text(isOptional: false)
    return structure(
      "io.debezium.connector.common.TransactionMetadataValue", version: 1,
      [
        required("string", "status"), required("string", "id"), optional("int64", "event_count"),
        array(collection, isOptional: true, field: "data_collections"), required("int64", "ts_ms"),
      ]
    ).text(isOptional: false)
  }()

  static func schemaChangeKey(_ context: EncodingContext) -> String {
    structure(
      "io.debezium.connector.\(context.schemaConnector).SchemaChangeKey", version: 1,
      [required("string", "databaseName")]
    ).text(isOptional: false)
  }

  static func schemaChangeValue(_ context: EncodingContext) -> String {
    let change = structure(
      "io.debezium.connector.schema.Change", version: 1,
      [required("string", "type"), required("string", "id"), table.text(isOptional: true, field: "table")]
    ).text(isOptional: false)
    return structure(
      "io.debezium.connector.\(context.schemaConnector).SchemaChangeValue", version: 1,
      [
        source(context), required("int64", "ts_ms"), optional("string", "databaseName"),
        optional("string", "schemaName"), optional("string", "ddl"),
        array(change, isOptional: false, field: "tableChanges"),
      ]
    ).text(isOptional: false)
  }

  private static var table: ConnectSchema {
    let names = ConnectSchema("string").text(isOptional: false)
    let column = structure(
      "io.debezium.connector.schema.Column", version: 1,
      [
        required("string", "name"), required("int32", "jdbcType"), optional("int32", "nativeType"),
        required("string", "typeName"), optional("string", "typeExpression"), optional("string", "charsetName"),
        optional("int32", "length"), optional("int32", "scale"), required("int32", "position"),
        optional("boolean", "optional"), optional("boolean", "autoIncremented"), optional("boolean", "generated"),
        optional("string", "comment"), optional("string", "defaultValueExpression"),
        array(names, isOptional: true, field: "enumValues"),
      ]
    ).text(isOptional: false)
    return structure(
      "io.debezium.connector.schema.Table", version: 1,
      [
        optional("string", "defaultCharsetName"), array(names, isOptional: true, field: "primaryKeyColumnNames"),
        array(column, isOptional: false, field: "columns"), optional("string", "comment"),
      ])
  }
}
