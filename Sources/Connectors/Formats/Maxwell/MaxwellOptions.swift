package import Pipeline

/// The settings of `maxwell`, by Maxwell's names and with its defaults.
package struct MaxwellOptions: Hashable, Sendable {
  package var outputDDL = false
  package var outputPosition = false
  package var outputCommitInfo = true
  package var outputNulls = true
  package var outputServerId = false
  package var outputPrimaryKeys = false
  package var outputPrimaryKeyColumns = false

  package init() {}

  package init(_ block: OptionBlock) {
    outputDDL = block.boolean("output_ddl") ?? outputDDL
    outputPosition = block.boolean("output_binlog_position") ?? outputPosition
    outputCommitInfo = block.boolean("output_commit_info") ?? outputCommitInfo
    outputNulls = block.boolean("output_nulls") ?? outputNulls
    outputServerId = block.boolean("output_server_id") ?? outputServerId
    outputPrimaryKeys = block.boolean("output_primary_keys") ?? outputPrimaryKeys
    outputPrimaryKeyColumns = block.boolean("output_primary_key_columns") ?? outputPrimaryKeyColumns
  }

  package static let options: [Option] = [
    Option("output_ddl", .boolean, default: "false", "maxwell: write changes of schemas."),
    Option(
      "output_binlog_position", .boolean, default: "false",
      "maxwell: `position`, the log file and the offset of the change's event."),
    Option(
      "output_commit_info", .boolean, default: "true",
      "maxwell: `xid`, and `commit` with the last row of a transaction."),
    Option("output_nulls", .boolean, default: "true", "maxwell: write columns that are NULL."),
    Option("output_server_id", .boolean, default: "false", "maxwell: the server that committed the transaction."),
    Option("output_primary_keys", .boolean, default: "false", "maxwell: the values of the key as a list."),
    Option("output_primary_key_columns", .boolean, default: "false", "maxwell: the names of the key's columns."),
  ]
}
