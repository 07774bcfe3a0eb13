/// The texts of option values: durations, sizes, booleans.
package enum OptionText {
  /// How a duration is written.
  package static let durationHint = "a whole number and us, ms, s, m, h or d, without a space: 90s, 1m, 2h"

  /// Nanoseconds of `250ms 5s 1m 2h`; nil when the text is not a duration or does not fit.
  package static func duration(_ text: String) -> UInt64? {
    let units: [(String, UInt64)] = [
      ("us", 1000), ("ms", 1_000_000), ("s", 1_000_000_000), ("m", 60_000_000_000), ("h", 3_600_000_000_000),
      ("d", 86_400_000_000_000),
    ]
    return quantity(text, units: units)
  }

  /// Bytes of `64KiB 16MiB 1GiB` or a bare number; nil when the text is not a size or does not fit.
  package static func size(_ text: String) -> Int? {
    let units: [(String, UInt64)] = [
      ("", 1), ("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("TiB", 1 << 40),
    ]
    return quantity(text, units: units).flatMap(Int.init(exactly:))
  }

  package static func boolean(_ text: String) -> Bool? {
    switch text {
    case "true": true
    case "false": false
    default: nil
    }
  }

  private static func quantity(_ text: String, units: [(name: String, factor: UInt64)]) -> UInt64? {
    let digits = text.prefix { $0.isASCII && $0.isNumber }
    guard let number = UInt64(digits), let unit = units.first(where: { $0.name == text.dropFirst(digits.count) })
    else { return nil }
    let (product, overflow) = number.multipliedReportingOverflow(by: unit.factor)
    return overflow ? nil : product
  }
}
