package import Change
package import Pipeline

/// MariaDB and MySQL: one protocol, two spellings. `mariadb` and `mysql` are two values of this type.
package struct MariaDB: Connector {
  package let name: String

  package static let mariadb = MariaDB(name: "mariadb")
  package static let mysql = MariaDB(name: "mysql")

  private init(name: String) { self.name = name }

  package var summary: String {
    "Reads the binary log of \(name == "mysql" ? "MySQL" : "MariaDB"), live or from files, after a snapshot of its tables; mirrors tables into a server, exactly once."
  }

  package var sourceOptions: [Option]? { MariaDBSourceOptions.declared }
  package var sinkOptions: [Option]? { MariaDBSinkSettings.declared }

  package func source(_ block: OptionBlock) throws(Failure) -> any SourceDefinition {
    var options = try MariaDBSourceOptions(block)
    options.kind = name
    return MariaDBSourceDefinition(options: options)
  }

  package func sink(_ block: OptionBlock) throws(Failure) -> any SinkDefinition {
    MariaDBSinkDefinition(settings: try MariaDBSinkSettings(block))
  }
}
