import Change
package import Formats
import Pipeline

extension Manifest {
  /// Replaces what `writer` holds with the manifest's bytes.
  package func render(into writer: inout ByteWriter) {
    ManifestText.begin(&writer)
    writer.append("\"freshet_manifest\":")
    writer.append(integer: Int64(Manifest.version))
    writer.append(",\"pipeline\":")
    writer.append(jsonString: pipeline)
    writer.append(",\"epoch\":")
    writer.append(unsigned: epoch)
    writer.append(",\"generation\":")
    writer.append(unsigned: generation)
    writer.append(",\"checkpoint\":")
    if let checkpoint {
      writer.append("{\"position\":")
      writer.append(jsonString: checkpoint.position.text)
      writer.append(",\"token\":")
      writer.append(jsonString: checkpoint.position.token)
      if checkpoint.watermark > .distantPast {
        writer.append(",\"watermark_us\":")
        writer.append(integer: checkpoint.watermark.microseconds)
      }
      writer.append(UInt8(ascii: "}"))
    } else {
      writer.append("null")
    }
    writer.append(",\"cleaned_epoch\":")
    writer.append(unsigned: cleanedEpoch)
    ManifestText.append(segments, previous, to: &writer)
    ManifestText.end(&writer)
  }
}

extension SealedList {
  /// Replaces what `writer` holds with the list's bytes, and returns how a manifest names them.
  package func render(as file: String, into writer: inout ByteWriter) -> SealedReference {
    ManifestText.begin(&writer)
    writer.append("\"freshet_segments\":")
    writer.append(integer: Int64(Manifest.version))
    writer.append(",\"highest_epoch\":")
    writer.append(unsigned: highestEpoch)
    ManifestText.append(segments, previous, to: &writer)
    let checksum = ManifestText.end(&writer)
    return SealedReference(file: file, bytes: writer.count, checksum: checksum)
  }
}

/// The text that a manifest and a sealed list have in common: `{"crc32":"89abcdef",…}` and a newline, where the
/// checksum is that of everything behind it.
enum ManifestText {
  static let prefixLength = 20

  static func begin(_ writer: inout ByteWriter) {
    writer.removeAll()
    writer.append("{\"crc32\":\"00000000\",")
  }

  @discardableResult
  static func end(_ writer: inout ByteWriter) -> UInt32 {
    writer.append("}\n")
    let checksum = checksum(of: writer.bytes)
    var content = ByteWriter(capacity: writer.count)
    content.append(prefix(checksum))
    content.append(writer.bytes.extracting(prefixLength..<writer.count))
    swap(&content, &writer)
    return checksum
  }

  static func prefix(_ checksum: UInt32) -> [UInt8] {
    let digits = Array(String(checksum, radix: 16).utf8)
    return Array("{\"crc32\":\"".utf8) + [UInt8](repeating: UInt8(ascii: "0"), count: 8 - digits.count) + digits
      + Array("\",".utf8)
  }

  static func append(_ segments: [SegmentRecord], _ previous: SealedReference?, to writer: inout ByteWriter) {
    writer.append(",\"previous\":")
    if let previous {
      writer.append("{\"file\":")
      writer.append(jsonString: previous.file)
      writer.append(",\"bytes\":")
      writer.append(integer: Int64(previous.bytes))
      writer.append(",\"crc32\":")
      writer.append(unsigned: UInt64(previous.checksum))
      writer.append(UInt8(ascii: "}"))
    } else {
      writer.append("null")
    }
    writer.append(",\"segments\":[")
    for (index, segment) in segments.enumerated() {
      writer.append(index == 0 ? "\n" : ",\n")
      append(segment, to: &writer)
    }
    writer.append("]")
  }

  private static func append(_ segment: SegmentRecord, to writer: inout ByteWriter) {
    writer.append("{\"path\":")
    writer.append(jsonString: segment.path)
    writer.append(",\"bytes\":")
    writer.append(integer: Int64(segment.bytes))
    writer.append(",\"changes\":")
    writer.append(unsigned: segment.changes)
    if let table = segment.table {
      writer.append(",\"schema\":")
      writer.append(jsonString: table.namespace)
      writer.append(",\"table\":")
      writer.append(jsonString: table.table)
    } else {
      writer.append(",\"schema\":null,\"table\":null")
    }
    writer.append(",\"date\":")
    writer.append(jsonString: segment.date)
    writer.append(",\"format\":")
    writer.append(jsonString: segment.format)
    if let quote = segment.quote {
      writer.append(",\"quote\":")
      writer.append(jsonString: String(UnicodeScalar(quote)))
    }
    writer.append(",\"compression\":")
    writer.append(jsonString: segment.compression.rawValue)
    writer.append(",\"epoch\":")
    writer.append(unsigned: segment.epoch)
    writer.append(segment.isOpen ? ",\"open\":true,\"first\":" : ",\"open\":false,\"first\":")
    append(segment.first, to: &writer)
    writer.append(",\"last\":")
    append(segment.last, to: &writer)
    writer.append(UInt8(ascii: "}"))
  }

  private static func append(_ place: ChangePlace, to writer: inout ByteWriter) {
    writer.append("{\"tx\":")
    writer.append(jsonString: place.transaction)
    writer.append(",\"file\":")
    writer.append(unsigned: UInt64(place.file))
    writer.append(",\"offset\":")
    writer.append(unsigned: place.offset)
    writer.append(",\"row\":")
    writer.append(unsigned: UInt64(place.row))
    writer.append(",\"ts_us\":")
    writer.append(integer: place.commitTime.microseconds)
    writer.append(UInt8(ascii: "}"))
  }
}
