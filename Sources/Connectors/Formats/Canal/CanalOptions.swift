package import Pipeline

/// The settings of `canal-json`, by TiCDC's name.
package struct CanalOptions: Hashable, Sendable {
  /// Whether `old` has the changed columns only and `mysqlType` the types with their parameters, as Canal writes them;
  /// otherwise all columns and bare types, as TiCDC does.
  package var contentCompatible = true

  package init() {}

  package init(_ block: OptionBlock) {
    contentCompatible = block.boolean("content-compatible") ?? contentCompatible
  }

  package static let options: [Option] = [
    Option(
      "content-compatible", .boolean, default: "true",
      "canal-json: changed columns only in `old` and whole types in `mysqlType`, as Canal; otherwise as TiCDC.")
  ]
}
