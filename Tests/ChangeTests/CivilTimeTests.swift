import Change
import Foundation
import Testing

@Suite struct CivilTimeTests {
  private var calendar: Calendar {
    var calendar = Calendar(identifier: .iso8601)
    calendar.timeZone = .gmt
    return calendar
  }

  @Test func daysAgreeWithFoundationsCalendarAfterTheGregorianReform() throws {
    var random = SystemRandomNumberGenerator()
    for _ in 0..<2000 {
      let day = Int64.random(in: -141_000...2_932_896, using: &random)  // 1583 to 9999
      let date = Date(timeIntervalSince1970: Double(day) * 86_400)
      let fields = calendar.dateComponents([.year, .month, .day], from: date)
      let civil = CivilTime(daysSinceEpoch: day)
      #expect(Int(civil.year) == fields.year && Int(civil.month) == fields.month && Int(civil.day) == fields.day)
      #expect(civil.daysSinceEpoch == day)
      #expect(civil.isOnCalendar)
    }
  }

  @Test(arguments: [
    (1, 1, 1, Int64(-719_162)), (4, 2, 29, -718_008), (1582, 10, 15, -141_427), (1969, 12, 31, -1), (1970, 1, 1, 0),
    (2000, 2, 29, 11_016), (2038, 1, 19, 24_855), (9999, 12, 31, 2_932_896),
  ])
  func knownDaysAreWhereTheyBelong(year: Int, month: Int, day: Int, days: Int64) {
    let civil = CivilTime(year: year, month: month, day: day)
    #expect(civil.daysSinceEpoch == days)
    #expect(CivilTime(daysSinceEpoch: days) == civil)
  }

  @Test func everyDayFromYear1To9999FollowsTheOneBefore() {
    var before = CivilTime(daysSinceEpoch: -719_162)
    for day in Int64(-719_161)...2_932_896 {
      let civil = CivilTime(daysSinceEpoch: day)
      let isNextDay = civil.month == before.month && civil.day == before.day + 1
      let isNextMonth =
        civil.day == 1 && Int(before.day) == CivilTime.days(inMonth: Int(before.month), ofYear: Int(before.year))
      if !isNextDay && !isNextMonth || civil.packed <= before.packed || civil.daysSinceEpoch != day {
        Issue.record("day \(day) does not follow the one before")
        return
      }
      before = civil
    }
    #expect(before == CivilTime(year: 9999, month: 12, day: 31))
  }

  @Test func microsecondsBeforeTheEpochAreFieldsOfTheDayBefore() {
    let civil = CivilTime(microsecondsSinceEpoch: -1)
    #expect(
      civil == CivilTime(year: 1969, month: 12, day: 31, hour: 23, minute: 59, second: 59, microsecond: 999_999))
    #expect(civil.microsecondsSinceEpoch == -1)
  }

  @Test func instantsComeBackFromTheirFields() {
    for _ in 0..<5000 {
      let instant = Int64.random(in: -62_135_596_800_000_000...253_402_300_799_999_999)
      let civil = CivilTime(microsecondsSinceEpoch: instant)
      #expect(civil.microsecondsSinceEpoch == instant)
      #expect(civil.isOnCalendar)
    }
  }

  @Test func packedFieldsComeBackAndKeepTheirOrder() {
    var last: UInt64 = 0
    for year in [0, 1, 1999, 9999, 131_071] {
      for (month, day) in [(0, 0), (2, 30), (12, 31)] {
        for (hour, microsecond) in [(0, 0), (23, 999_999)] {
          let civil = CivilTime(
            year: year, month: month, day: day, hour: hour, minute: 59, second: 59, microsecond: microsecond)
          #expect(CivilTime(packed: civil.packed) == civil)
          #expect(Cell.civil(civil).civil == civil)
          #expect(civil.packed > last)
          last = civil.packed
        }
      }
    }
  }

  @Test(arguments: [(0, 0, 0), (2024, 2, 0), (2023, 2, 29), (1900, 2, 29), (2024, 13, 1), (2024, 0, 1), (2024, 4, 31)])
  func datesThatNoCalendarHasAreTold(year: Int, month: Int, day: Int) {
    #expect(!CivilTime(year: year, month: month, day: day).isOnCalendar)
  }
}
