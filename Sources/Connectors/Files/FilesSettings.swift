package import Change
package import Formats

/// A files sink's options, read.
package struct FilesSettings: Sendable {
  package enum Format: Sendable {
    case json
    case debezium(DebeziumOptions)
    case csv(CSVOptions)
    case canal(CanalOptions)
    case maxwell(MaxwellOptions)
  }

  package var path: String
  package var format: Format
  package var layout = Layout.table
  package var date = DateSeparator.day
  package var compression = CompressionKind.none
  /// nil: the format's usual one.
  package var compressionLevel: Int?
  /// A segment that has this many bytes is closed.
  package var rollBytes = 64 << 20
  /// A segment that is this old, in nanoseconds, is closed at the next commit.
  package var rollAge: UInt64 = 300_000_000_000
  /// The least time between two commits while more is coming, in nanoseconds.
  package var commitInterval: UInt64?
  /// Segments that may grow, at most; the one that was used least recently is closed.
  package var segmentLimit = 4096
  /// The source's kind, its logical name and its log's base name, for formats that say them.
  package var encoding: EncodingContext

  package init(path: String, format: Format, encoding: EncodingContext) {
    self.path = path
    self.format = format
    self.encoding = encoding
  }

  /// The byte around fields of csv; nil in other formats.
  var quote: UInt8? { if case .csv(let options) = format { options.quote } else { nil } }

  /// Its name in a pipeline file and in the manifest.
  package var formatName: String {
    switch format {
    case .json: "json"
    case .debezium: "debezium-json"
    case .csv: "csv"
    case .canal: "canal-json"
    case .maxwell: "maxwell"
    }
  }

  package func makeEncoder() throws(Failure) -> any ChangeEncoder {
    switch format {
    case .json: JSONChangeEncoder(context: encoding)
    case .debezium(let options): DebeziumChangeEncoder(options: options, context: encoding)
    case .csv(let options): try CSVChangeEncoder(options: options)
    case .canal(let options): CanalChangeEncoder(options: options)
    case .maxwell(let options): MaxwellChangeEncoder(options: options, context: encoding)
    }
  }
}
