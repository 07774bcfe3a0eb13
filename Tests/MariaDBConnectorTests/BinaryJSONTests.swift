import Change
import MariaDBConnector
import Testing

/// Documents made by hand, read through a rows event as MySQL logs them.
struct BinaryJSONTests {
  private typealias Log = SyntheticLog

  private func text(_ document: [UInt8]) throws -> String? {
    var log = Log()
    log.append(2, Log.query("BEGIN"))
    log.append(19, Log.tableMap(245, metadata: [4]))
    log.append(30, Log.write([Log.little(UInt64(document.count), 4) + document]))
    log.append(16, Log.xid)
    return try log.decoded().rows.first?.after["@1"]
  }

  private func opaque(_ type: UInt8, _ bytes: [UInt8]) -> [UInt8] { [15, type, UInt8(bytes.count)] + bytes }

  /// A small array of values that stand behind its entries.
  private func array(_ values: [[UInt8]]) -> [UInt8] {
    var offset = 4 + 3 * values.count
    var entries: [UInt8] = []
    for value in values {
      entries += [value[0]] + Log.little(UInt64(offset), 2)
      offset += value.count - 1
    }
    return [2] + Log.little(UInt64(values.count), 2) + Log.little(UInt64(offset), 2) + entries
      + values.flatMap { $0.dropFirst() }
  }

  @Test func `every kind of scalar becomes its text`() throws {
    let date = UInt64((2024 * 13 + 2) << 5 | 29) << 41
    let clock = UInt64(12 << 12 | 34 << 6 | 56) << 24
    let moment = Log.little(date | clock | 789, 8)
    let packed = Int64(838 << 12 | 59 << 6 | 59) << 24
    let duration = Log.little(UInt64(bitPattern: -packed), 8)
    var cases: [([UInt8], String)] = [([], "null"), ([4, 0], "null"), ([4, 1], "true"), ([4, 2], "false")]
    cases += [([5, 0, 0x80], "-32768"), ([6, 0xff, 0xff], "65535"), ([7, 0, 0, 0, 0x80], "-2147483648")]
    cases.append(([8] + Log.little(UInt64(UInt32.max), 4), "4294967295"))
    cases.append(([9] + Log.little(1 << 63, 8), "-9223372036854775808"))
    cases.append(([10] + Log.little(.max, 8), "18446744073709551615"))
    cases.append(([11] + Log.little((-0.1).bitPattern, 8), "-0.1"))
    cases.append(([11] + Log.little((1e300).bitPattern, 8), "1e+300"))
    cases.append(([12, 5] + Array("a\"\n\u{1}\\".utf8), #""a\"\n\u0001\\""#))
    cases.append((opaque(246, [4, 2, 0x80 | 12, 34]), "12.34"))
    cases.append((opaque(246, [4, 2, ~(0x80 | 12), ~34]), "-12.34"))
    cases.append((opaque(10, Log.little(date, 8)), "\"2024-02-29\""))
    cases.append((opaque(12, moment), "\"2024-02-29 12:34:56.000789\""))
    cases.append((opaque(7, moment), "\"2024-02-29 12:34:56.000789\""))
    cases.append((opaque(11, duration), "\"-838:59:59.000000\""))
    cases.append((opaque(252, [0, 1, 2, 3]), "\"base64:type252:AAECAw==\""))
    cases.append((opaque(16, [7]), "\"base64:type16:Bw==\""))
    for (document, expected) in cases {
      #expect(try text(document) == expected)
      if document.count > 1 {
        let nested = array([document])
        // Short values stand in the entry itself.
        if ![4, 5, 6].contains(document[0]) { #expect(try text(nested) == "[\(expected)]") }
      }
    }
  }

  @Test func `objects and arrays, small and large, keep their order`() throws {
    // {"a": 1, "bc": [true]}: two key entries, two value entries, the keys, the array.
    let inner: [UInt8] = [1, 0, 7, 0, 4, 1, 0]
    let head = Log.little(2, 2) + Log.little(28, 2)
    let keys: [UInt8] = Log.little(18, 2) + Log.little(1, 2) + Log.little(19, 2) + Log.little(2, 2)
    let values: [UInt8] = [5, 1, 0] + [2] + Log.little(21, 2)
    #expect(try text([0] + head + keys + values + Array("abc".utf8) + inner) == #"{"a": 1, "bc": [true]}"#)
    let large =
      Log.little(2, 4) + Log.little(26, 4) + [7] + Log.little(UInt64(UInt32.max), 4) + [12] + Log.little(18, 4)
    #expect(try text([3] + large + [7] + Array("sevenxy".utf8)) == #"[-1, "sevenxy"]"#)
    #expect(try text([2, 0, 0, 4, 0]) == "[]" && text([0, 0, 0, 4, 0]) == "{}")
  }

  @Test func `a hundred levels are read and more are refused`() throws {
    func nested(_ levels: Int) -> [UInt8] {
      var document: [UInt8] = [2, 0, 0, 4, 0]
      for _ in 1..<levels { document = array([document]) }
      return document
    }
    #expect(try text(nested(100)) == String(repeating: "[", count: 100) + String(repeating: "]", count: 100))
    #expect(throws: Failure.self) { try text(nested(130)) }
  }

  @Test func `a document that names one value many times over is refused before it fills the memory`() throws {
    // Each of 60 arrays names the next one twice: 2 to the power of 60 values.
    var document: [UInt8] = [2, 0, 0, 4, 0]
    for _ in 0..<60 {
      let size = 10 + document.count - 1
      document = [2, 2, 0] + Log.little(UInt64(size), 2) + [2, 10, 0, 2, 10, 0] + document.dropFirst()
    }
    #expect(throws: Failure.self) { try text(document) }
  }

  @Test func `no cut and no flipped bit of a document traps`() throws {
    let document = array([
      [12, 3] + Array("abc".utf8), opaque(246, [4, 2, 0x80 | 12, 34]), array([[9] + Log.little(5, 8)]),
    ])
    var refused = 0
    for index in document.indices {
      for bit in 0..<8 {
        var damaged = document
        damaged[index] ^= 1 << UInt8(bit)
        do { _ = try text(damaged) } catch is Failure { refused += 1 }
      }
      if index > 0 { #expect(throws: Failure.self) { try text(Array(document[..<index])) } }
    }
    #expect(refused > 20)
  }
}
