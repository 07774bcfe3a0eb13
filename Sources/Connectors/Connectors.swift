import FilesConnector
import MemoryConnector
package import Pipeline

/// The systems that pipelines can connect, one line each.
package let connectors: [any Connector] = [
  FilesConnector(),
  StdoutConnector(),
  Blackhole(),
]
