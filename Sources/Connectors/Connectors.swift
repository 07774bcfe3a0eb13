import FilesConnector
import MemoryConnector
package import Pipeline
import SQLiteConnector

/// The systems that pipelines can connect, one line each.
package let connectors: [any Connector] = [
  SQLiteConnector(),
  FilesConnector(),
  StdoutConnector(),
  Blackhole(),
  InMemory(),
]
