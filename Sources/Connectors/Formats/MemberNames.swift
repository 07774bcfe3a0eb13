import Change

/// The names of a schema's columns as an object's members begin: `,"name":`, ready to be copied.
struct MemberNames: ~Copyable {
  private let bytes: ByteWriter
  /// Where each name ends; it begins where the one before it does.
  private let ends: FixedArray<Int>

  init(_ schema: TableSchema) {
    var bytes = ByteWriter(capacity: 256)
    var ends = [0]
    for column in schema.columns {
      bytes.append(UInt8(ascii: ","))
      bytes.append(jsonString: column.name)
      bytes.append(UInt8(ascii: ":"))
      ends.append(bytes.count)
    }
    self.bytes = bytes
    self.ends = FixedArray(ends)
  }

  /// - Parameter isFirst: the object has its brace already, and no member: the comma is left out.
  @inline(__always)
  func append(_ column: Int, isFirst: Bool = false, to writer: inout ByteWriter) {
    writer.append(bytes, (ends[column] + (isFirst ? 1 : 0))..<ends[column + 1])
  }
}

extension ByteWriter {
  /// Makes an object of the members written since `start`: each came with a comma, and the first one's place belongs to
  /// the brace.
  @inline(__always)
  mutating func closeObject(from start: Int) {
    if count == start {
      append(UInt8(ascii: "{"))
    } else {
      replace(at: start, with: UInt8(ascii: "{"))
    }
    append(UInt8(ascii: "}"))
  }
}
