import FilesConnector
import KafkaConnector
import MariaDBConnector
import MemoryConnector
package import Pipeline
import SQLiteConnector

/// The systems that pipelines can connect, one line each.
package let connectors: [any Connector] = [
  MariaDB.mariadb,
  MariaDB.mysql,
  SQLite(),
  Files(),
  Kafka(),
  StandardOutput(),
  Blackhole(),
  InMemory(),
]
