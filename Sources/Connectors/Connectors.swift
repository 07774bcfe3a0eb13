import FilesConnector
import MariaDBConnector
import MemoryConnector
package import Pipeline
import SQLiteConnector

/// The systems that pipelines can connect, one line each.
package let connectors: [any Connector] = [
  MariaDBConnector.mariadb,
  MariaDBConnector.mysql,
  SQLiteConnector(),
  FilesConnector(),
  StdoutConnector(),
  Blackhole(),
  InMemory(),
]
