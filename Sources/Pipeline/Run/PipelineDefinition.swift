/// A pipeline as its file describes it, checked: what to read, where to write, and by which rules.
package struct PipelineDefinition: Sendable {
  package struct NamedSource: Sendable {
    package var name: String
    package var definition: any SourceDefinition

    package init(name: String, definition: any SourceDefinition) {
      self.name = name
      self.definition = definition
    }
  }

  package struct NamedSink: Sendable {
    package var name: String
    package var definition: any SinkDefinition

    package init(name: String, definition: any SinkDefinition) {
      self.name = name
      self.definition = definition
    }
  }

  package var name: String
  /// At least one; names are unique.
  package var sources: [NamedSource]
  /// How several sources are brought into one order.
  package var order: OrderSettings
  /// In the order in which changes go through them; may be empty.
  package var transforms: [any TransformDefinition]
  /// Behind the transforms; may be empty.
  package var windows: [WindowDefinition]
  /// At least one; names are unique.
  package var sinks: [NamedSink]
  package var schemaChangePolicy: SchemaChangePolicy
  package var badRowPolicy: BadRowPolicy
  /// What the whole process may hold, in bytes.
  package var memoryLimit: Int
  /// Created on the first run, readable by its owner only.
  package var stateDirectory: String
  /// Nanoseconds between two stored states of the windows, at least.
  package var windowStateInterval: UInt64 = 1_000_000_000

  package init(
    name: String, sources: [NamedSource], order: OrderSettings = OrderSettings(),
    transforms: [any TransformDefinition] = [], windows: [WindowDefinition] = [], sinks: [NamedSink],
    schemaChangePolicy: SchemaChangePolicy = .evolve, badRowPolicy: BadRowPolicy = .stop,
    memoryLimit: Int = 256 << 20, stateDirectory: String
  ) {
    self.name = name
    self.sources = sources
    self.order = order
    self.transforms = transforms
    self.windows = windows
    self.sinks = sinks
    self.schemaChangePolicy = schemaChangePolicy
    self.badRowPolicy = badRowPolicy
    self.memoryLimit = memoryLimit
    self.stateDirectory = stateDirectory
  }

  /// A pipeline with one source.
  package init(
    name: String, source: NamedSource, transforms: [any TransformDefinition] = [],
    windows: [WindowDefinition] = [], sinks: [NamedSink],
    schemaChangePolicy: SchemaChangePolicy = .evolve, badRowPolicy: BadRowPolicy = .stop,
    memoryLimit: Int = 256 << 20, stateDirectory: String
  ) {
    self.init(
      name: name, sources: [source], transforms: transforms, windows: windows, sinks: sinks,
      schemaChangePolicy: schemaChangePolicy, badRowPolicy: badRowPolicy, memoryLimit: memoryLimit,
      stateDirectory: stateDirectory)
  }

  /// Where a source keeps what it knows of its server: the state directory, or one of its own in it where there are several.
  package func stateDirectory(of source: NamedSource) -> String {
    sources.count == 1 ? stateDirectory : "\(stateDirectory)/source.\(source.name)"
  }
}
