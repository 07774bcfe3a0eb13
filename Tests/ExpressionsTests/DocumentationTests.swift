import Change
import Expressions
import Foundation
import Testing

/// The examples of the module's page, evaluated.
@Suite struct DocumentationTests {
  private static let page = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().appending(path: "Sources/Expressions/Expressions.docc/Expressions.md")

  private static func row(_ status: String, _ amount: Int64, _ customer: String) -> [Row.Value] {
    let ordered = CivilTime(year: 2024, month: 2, day: 29, hour: 23, minute: 59, second: 58)
    return [
      .cell(.int(7)), .text(status), .cell(.decimal64(unscaled: amount, scale: 2)), .cell(.null),
      .cell(.timestamp(microseconds: ordered.microsecondsSinceEpoch)), .json(customer),
    ]
  }

  @Test func everyExampleGivesWhatThePageSays() throws {
    let row = Row(
      [
        ("id", .integer(bits: 64, unsigned: false)), ("status", .text(length: 20)),
        ("amount", .decimal(precision: 12, scale: 2, unsigned: false)), ("note", .text(length: 0)),
        ("ordered", .timestamp(fraction: 0)), ("customer", .json),
      ], before: DocumentationTests.row("new", 10_000, "{}"),
      after: DocumentationTests.row("paid", 12_345, #"{"name": "Ann", "tags": ["a", "b"]}"#), operation: .update)
    var examples = 0
    for line in try String(contentsOf: DocumentationTests.page, encoding: .utf8).split(separator: "\n") {
      guard let arrow = line.range(of: " => ") else { continue }
      let expected = String(line[arrow.upperBound...])
      let given = try row.value(String(line[..<arrow.lowerBound])) ?? "NULL"
      #expect(given == expected, "\(line)")
      examples += 1
    }
    #expect(examples > 80)
  }
}
