/// What one instruction does with a run of rows. NULL operands give NULL unless an operation says otherwise.
enum Opcode: UInt8, Sendable {
  /// Three-valued logic over booleans.
  case and, or, xor, not
  /// Whether a number is not zero.
  case truth
  /// Never NULL. Immediate: 1 to negate.
  case isNull, isTrue, isFalse

  /// Immediate of comparisons: bit 0, 1 and 2 say whether less, equal and greater are true.
  case compareSigned, compareUnsigned, compareIntegers, compareExact, compareFloats, compareBytes, compareMoments
  /// Immediate: 1 for `<>`.
  case equalBytes
  /// Whether the operand is in the `MemberSet`.
  case isMemberNumber, isMemberText

  /// Immediate: bit 0 and 1 say whether the left and the right operand are unsigned, bit 2 whether the result is.
  case addIntegers, subtractIntegers, multiplyIntegers, divideWholeIntegers, remainderIntegers
  case negateInteger, absoluteInteger
  case addExact, subtractExact, multiplyExact
  /// Immediate: how many digits behind the point the result declares.
  case divideExact
  case divideWholeExact, remainderExact, negateExact, absoluteExact
  case addFloats, subtractFloats, multiplyFloats, divideFloats, remainderFloats, negateFloat, absoluteFloat

  /// Of any numbers, as doubles; what has no result among the real numbers is NULL.
  case squareRoot, naturalLogarithm, decimalLogarithm, binaryLogarithm
  /// The base first.
  case logarithm
  case exponential, power
  /// -1, 0 or 1, of any number.
  case sign

  /// To an integer. Immediate: 1 for unsigned.
  case roundToInteger
  /// To a decimal of exactly this scale. Immediate: scale, and precision above bit 8 (0: the limit of decimals).
  case roundExact
  /// To at most this many digits behind the point, towards zero. Immediate: digits, may be negative.
  case truncateExact
  case roundFloat, truncateFloat, floorExact, ceilingExact, floorFloat, ceilingFloat
  case toFloat
  /// Immediate: digits behind the point, of a number or a second.
  case toText
  /// Text or JSON as the other; the bytes stay.
  case asText, asJSON
  case textToInteger, textToExact, textToFloat, textToMoment, textToTime
  /// Immediate: the wanted `Cell.Tag`.
  case toMoment
  /// Immediate: digits of a second that stay; the rest is rounded.
  case roundMoment, roundTime
  /// A failed conversion as NULL.
  case lenient

  /// The first operand that is not NULL of two.
  case coalesce
  /// The second operand where the first is true, otherwise the third.
  case choose
  /// Of two. Immediate: 1 for the greater one.
  case pickInteger, pickExact, pickFloat, pickBytes, pickMoment

  /// Immediate: bit 0 for `not`; the escape character above bit 8.
  case like
  case regexp
  /// What replaces is the second operand.
  case replacePattern
  case lower, upper, trim, trimStart, trimEnd, byteLength, characterLength
  case concat, replace, left, right, substring, padStart, padEnd, find
  /// The second text in the first, from the character whose number is the third operand.
  case findFrom
  case reverse, repeatText
  /// The first operand between all others that are not NULL.
  case concatSeparated
  /// The second text off the ends of the first. Immediate: bit 0 for the start, bit 1 for the end.
  case trimText
  /// Of a text or JSON document. Immediate: 1 for text.
  case jsonPath
  case hex, sha256

  /// A field of a date and time. Immediate: `DateField`; bit 8 for the signed parts of a span of time.
  case dateField
  /// Immediate: `TimeUnit`'s index; the second operand is the number of units, negated by bit 8.
  case shiftMoment
  case truncateMoment, formatMoment, toDate, lastDay
  case unixTime, fromUnixTime
  /// Whole units from the first operand to the second. Immediate: `TimeUnit`'s index.
  case difference
}
