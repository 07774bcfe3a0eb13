package import Flow
import Logging
package import Pipeline

extension ConnectorContext {
  /// What a pipeline would give the sources and sinks that the suite makes.
  package static func conformance(
    thread: DedicatedThread, stateDirectory: String, memoryLimit: Int = 16 << 20,
    schemaChangePolicy: SchemaChangePolicy = .evolve
  ) -> ConnectorContext {
    ConnectorContext(
      pipeline: "conformance", name: "subject", stateDirectory: stateDirectory, memoryLimit: memoryLimit,
      schemaChangePolicy: schemaChangePolicy, badRowPolicy: .stop, thread: thread,
      logger: Logger(label: "conformance") { _ in SwiftLogNoOpLogHandler() })
  }
}
