import Change

/// The formats of `date_format` (mariadb.com/kb/en/date_format), in English.
enum MomentFormat {
  static let letters = Array("YymcdeHkhiSsfpMbWajTrD%")

  static func isKnown(_ format: [UInt8]) -> Bool {
    var index = 0
    while index < format.count {
      if format[index] == UInt8(ascii: "%") {
        index += 1
        guard index < format.count, letters.contains(Character(Unicode.Scalar(format[index]))) else { return false }
      }
      index += 1
    }
    return true
  }

  private static let months: [StaticString] = [
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
  ]
  private static let weekdays: [StaticString] = [
    "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday",
  ]

  /// The most that one letter becomes.
  static let longest = 11

  /// Writes what a letter stands for; returns how many bytes, or nil where the date has none.
  static func write(_ letter: UInt8, _ civil: CivilTime, to memory: UnsafeMutablePointer<UInt8>) -> Int? {
    func number(_ value: some BinaryInteger, _ width: Int) -> Int {
      MomentText.write(Int(value), width: width, to: memory)
    }
    let half = (Int(civil.hour) + 11) % 12 + 1
    switch Character(Unicode.Scalar(letter)) {
    case "Y": return number(civil.year, 4)
    case "y": return number(civil.year % 100, 2)
    case "m": return number(civil.month, 2)
    case "c": return number(civil.month, 1)
    case "d": return number(civil.day, 2)
    case "e": return number(civil.day, 1)
    case "H": return number(civil.hour, 2)
    case "k": return number(civil.hour, 1)
    case "h": return number(half, 2)
    case "i": return number(civil.minute, 2)
    case "S", "s": return number(civil.second, 2)
    case "f": return number(civil.microsecond, 6)
    case "j":
      guard civil.isOnCalendar else { return nil }
      return number(dayOfYear(civil), 3)
    case "p": return write(civil.hour >= 12 ? "PM" : "AM", memory)
    case "M", "b":
      guard civil.month >= 1, civil.month <= 12 else { return nil }
      let length = write(months[Int(civil.month) - 1], memory)
      return letter == UInt8(ascii: "b") ? 3 : length
    case "W", "a":
      guard civil.isOnCalendar else { return nil }
      let length = write(weekdays[weekday(civil)], memory)
      return letter == UInt8(ascii: "a") ? 3 : length
    case "T", "r":
      let twelve = letter == UInt8(ascii: "r")
      var length = number(twelve ? half : Int(civil.hour), 2)
      for part in [civil.minute, civil.second] {
        memory[length] = UInt8(ascii: ":")
        length += 1 + MomentText.write(Int(part), width: 2, to: memory + length + 1)
      }
      return twelve ? length + write(civil.hour >= 12 ? " PM" : " AM", memory + length) : length
    case "D":
      let length = number(civil.day, 1)
      let ending: StaticString =
        civil.day / 10 == 1
        ? "th" : civil.day % 10 == 1 ? "st" : civil.day % 10 == 2 ? "nd" : civil.day % 10 == 3 ? "rd" : "th"
      return length + write(ending, memory + length)
    default: return number(0, 0) + write("%", memory)
    }
  }

  private static func write(_ text: StaticString, _ memory: UnsafeMutablePointer<UInt8>) -> Int {
    memory.update(from: text.utf8Start, count: text.utf8CodeUnitCount)
    return text.utf8CodeUnitCount
  }

  /// 0 is Monday.
  static func weekday(_ civil: CivilTime) -> Int { Int((civil.daysSinceEpoch + 3).flooredDivision(by: 7).remainder) }

  /// Weeks begin on Sunday; the days before the first one of a year are in week 0.
  static func week(_ civil: CivilTime) -> Int { (dayOfYear(civil) + 6 - (weekday(civil) + 1) % 7) / 7 }

  /// From 1.
  static func dayOfYear(_ civil: CivilTime) -> Int {
    Int(civil.daysSinceEpoch - CivilTime(year: Int(civil.year), month: 1, day: 1).daysSinceEpoch) + 1
  }
}
