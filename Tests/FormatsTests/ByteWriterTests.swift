import Change
import Foundation
import Testing

@testable import Formats

@Suite struct ByteWriterTests {
  private func text(_ body: (inout ByteWriter) -> Void) -> String {
    var writer = ByteWriter(capacity: 1)
    body(&writer)
    return writer.text()
  }

  @Test func integersAreWrittenWithAllDigits() {
    var values: [Int64] = [0, 1, -1, 9, 10, 99, 100, -100, .max, .min, 999_999_999_999_999_999]
    var power: Int64 = 1
    for _ in 0..<18 {
      power *= 10
      values += [power - 1, power, power + 1, -power]
    }
    for value in values {
      #expect(text { $0.append(integer: value) } == String(value))
      let unsigned = UInt64(bitPattern: value)
      #expect(text { $0.append(unsigned: unsigned) } == String(unsigned))
    }
  }

  @Test func decimalsKeepTheirScale() {
    #expect(text { $0.append(decimal: -5, scale: 3) } == "-0.005")
    #expect(text { $0.append(decimal: 150, scale: 2) } == "1.50")
    #expect(text { $0.append(decimal: 0, scale: 2) } == "0.00")
    #expect(text { $0.append(decimal: -7, scale: 0) } == "-7")
    #expect(text { $0.append(decimal: .min, scale: 18) } == "-9.223372036854775808")
    #expect(text { $0.append(decimal: 1, scale: 19) } == "0.0000000000000000001")
    #expect(text { $0.append(decimal: -1, scale: 30) } == "-0." + String(repeating: "0", count: 29) + "1")
  }

  @Test func base64OfEveryLengthIsWhatFoundationSays() {
    for length in 0...66 {
      let bytes = (0..<length).map { UInt8(truncatingIfNeeded: $0 * 37 &+ 251) }
      let expected = Data(bytes).base64EncodedString()
      #expect(text { $0.append(base64: bytes.span.bytes) } == expected)
      let safe = expected.replacingOccurrences(of: "+", with: "-").replacingOccurrences(of: "/", with: "_")
      #expect(text { $0.append(base64: bytes.span.bytes, urlSafe: true) } == safe)
      #expect(text { $0.append(hex: bytes.span.bytes) } == bytes.map { String(format: "%02x", $0) }.joined())
    }
  }

  @Test func aStringSurvivesJSONWhateverItHolds() throws {
    var samples = ["", "\"", "\\", "plain", "tab\tline\nreturn\r", "é😀\u{2028}\u{2029}", "\u{7f}\u{0}\u{1f}"]
    // Every escape at every place of an 8-byte word, with neighbours that borrow into it.
    for length in 0..<20 {
      for special in ["\"", "\\", "\u{1}", "\u{1f}", " ", "!", "#", "]", "é"] {
        samples.append(String(repeating: "x", count: length) + special + "\"tail é tail")
      }
    }
    for sample in samples {
      let json = text { $0.append(jsonString: sample) }
      #expect(json.utf8.allSatisfy { $0 >= 0x20 })
      let parsed = try JSONSerialization.jsonObject(with: Data("[\(json)]".utf8)) as? [String]
      #expect(parsed == [sample])
    }
    #expect(text { $0.append(jsonString: "\u{8}\u{c}\u{1b}/é😀\u{2028}") } == "\"\\b\\f\\u001B/é😀\u{2028}\"")
  }

  @Test func everyFloatReadsBackTheSame() {
    var generator = SystemRandomNumberGenerator()
    for _ in 0..<20_000 {
      let double = Double(bitPattern: generator.next())
      let float = Float(bitPattern: UInt32(truncatingIfNeeded: generator.next()))
      guard double.isFinite, float.isFinite else { continue }
      for layout in [FloatLayout.plain, .java] {
        #expect(Double(text { $0.append(float64: double, layout: layout) })?.bitPattern == double.bitPattern)
        #expect(Float(text { $0.append(float32: float, layout: layout) })?.bitPattern == float.bitPattern)
      }
    }
  }

  @Test func floatsInJavasLayoutLookAsDebeziumPrintsThem() {
    let samples: [(Double, String)] = [
      (0, "0.0"), (-0.0, "-0.0"), (1.7976931348623157e308, "1.7976931348623157E308"), (99_999_999.99, "9.999999999E7"),
      (0.1, "0.1"), (1e21, "1.0E21"), (1e-7, "1.0E-7"), (16_777_216, "1.6777216E7"), (100, "100.0"), (0.001, "0.001"),
      (0.01, "0.01"), (1e7, "1.0E7"), (9_999_999.5, "9999999.5"), (-1.28, "-1.28"), (1e-4, "1.0E-4"), (1e10, "1.0E10"),
      (.leastNonzeroMagnitude, "5.0E-324"), (123_456_789.123_456_79, "1.2345678912345679E8"),
    ]
    for (value, expected) in samples { #expect(text { $0.append(float64: value, layout: .java) } == expected) }
    #expect(text { $0.append(float32: 3.402_823_5e38, layout: .java) } == "3.4028235E38")
    #expect(text { $0.append(float32: 0.1, layout: .java) } == "0.1")
    #expect(text { $0.append(float64: .nan) } == "\"NaN\"")
    #expect(text { $0.append(float64: -.infinity) } == "\"-Infinity\"")
  }

  @Test func twosComplementIsTheShortest() {
    let samples: [(String, [UInt8])] = [
      ("0", [0]), ("127", [127]), ("128", [0, 128]), ("-128", [128]), ("-129", [0xff, 0x7f]), ("-1", [0xff]),
      ("-0.01", [0xff]), ("255", [0, 255]), ("18446744073709551615", [0] + [UInt8](repeating: 255, count: 8)),
    ]
    for (digits, expected) in samples {
      var number = BigInteger()
      let isNegative = number.set(decimal: Array(digits.utf8).span.bytes)
      #expect(isNegative == digits.hasPrefix("-"))
      number.withTwosComplement(isNegative: isNegative ?? false) { bytes in
        let shortest = bytes.withUnsafeBytes { Array($0) }
        #expect(shortest == expected)
      }
    }
    var number = BigInteger()
    let noNumber = number.set(decimal: Array("1x".utf8).span.bytes)
    let tooLong = number.set(decimal: Array(repeating: UInt8(ascii: "9"), count: 200).span.bytes)
    #expect(noNumber == nil && tooLong == nil)
  }

  @Test func aWriterGivesBackWhatItHasGrownTo() {
    var writer = ByteWriter(capacity: 128)
    writer.append([UInt8](repeating: 1, count: 100_000))
    writer.removeAll(keepingAtMost: 1000)
    let (capacity, count) = (writer.capacity, writer.count)
    #expect(capacity == 1000 && count == 0)
    writer.append([UInt8](repeating: 1, count: 900))
    writer.removeAll(keepingAtMost: 1000)
    let kept = writer.capacity
    #expect(kept == 1000)
  }

  @Test func theScannerKnowsJSONFromWhatOnlyLooksLikeIt() {
    let good = [
      "{}", "[]", " [1, 2.5e-3 ,{\"a\":[]} ]\n", "null", "\"\\u00e9\\n\"", "-0", "0.5", "{\"a\":{\"b\":[[]]}}", "true",
    ]
    let bad = [
      "", "{", "[1,]", "{\"a\"}", "{a:1}", "01", "1.", ".5", "+1", "nul", "\"", "\"\\x\"", "\"\\u12\"", "[1] 2",
      "\"\n\"", "]",
      "{\"a\":1]", "[1}", "{\"a\":1,}", "-", String(repeating: "[", count: 2000),
    ]
    for document in good {
      let written = text { _ = $0.append(jsonDocument: Array(document.utf8).span.bytes) }
      #expect(written.utf8.count == document.utf8.count, "\(document)")
    }
    for document in bad {
      var writer = ByteWriter()
      let isDocument = writer.append(jsonDocument: Array(document.utf8).span.bytes)
      let count = writer.count
      #expect(!isDocument && count == 0, "\(document)")
    }
    let oneLine = text { _ = $0.append(jsonDocument: Array("{\r\n\t\"a\" : 1}".utf8).span.bytes) }
    #expect(oneLine == "{   \"a\" : 1}")
  }
}
