import Change
import Pipeline
import Synchronization
import Testing

@Suite struct SeamsTests {
  @Test(
    arguments: [
      ("250ms", 250_000_000), ("5s", 5_000_000_000), ("1m", 60_000_000_000), ("2h", 7_200_000_000_000),
      ("1d", 86_400_000_000_000), ("0s", 0), ("5", nil), ("", nil), ("s", nil), ("-1s", nil), ("1.5s", nil),
      ("1 s", nil),
      ("99999999999h", nil), ("1S", nil), ("٣s", nil),
    ] as [(String, UInt64?)])
  func durationsAreReadExactlyOrNotAtAll(text: String, nanoseconds: UInt64?) {
    #expect(OptionText.duration(text) == nanoseconds)
  }

  @Test(
    arguments: [
      ("64KiB", 65_536), ("16MiB", 16 << 20), ("1GiB", 1 << 30), ("17", 17), ("3B", 3), ("1KB", nil), ("1kib", nil),
      ("99999999TiB", nil), ("9223372036854775808", nil), ("18446744073709551616", nil),
    ] as [(String, Int?)])
  func sizesAreReadExactlyOrNotAtAll(text: String, bytes: Int?) {
    #expect(OptionText.size(text) == bytes)
  }

  @Test func onlyTrueAndFalseAreBooleans() {
    #expect(OptionText.boolean("true") == true)
    #expect(OptionText.boolean("false") == false)
    for text in ["yes", "True", "1", ""] { #expect(OptionText.boolean(text) == nil) }
  }

  @Test(
    arguments: [
      ([], "shop.orders", true), (["shop.*"], "shop.orders", true), (["shop.*"], "other.orders", false),
      (["shop.*", "!shop.tmp_*"], "shop.tmp_1", false), (["shop.*", "!shop.tmp_*"], "shop.orders", true),
      (["!shop.tmp_*"], "shop.orders", true), (["!shop.tmp_*"], "shop.tmp_", false),
      (["shop.*", "!shop.tmp_*", "shop.tmp_kept"], "shop.tmp_kept", true), (["*"], "a.b", true),
      (["s*p.o*s"], "shop.orders", true),
      (["shop.order"], "shop.orders", false), (["shop.order?"], "shop.orders", true), (["shop.?"], "shop.ü", true),
      (["shop.?"], "shop.", false), (["Shop.*"], "shop.orders", false), (["[a-z]*.b"], "a.b", false),
      (["*.*.*"], "a.b", false),
      (["**"], "a.b", true), (["shop.a*b*c"], "shop.aXXbYYbZc", true), (["shop.a*b*c"], "shop.aXXbYYbZ", false),
    ] as [([String], String, Bool)])
  func globsDecideByTheLastThatMatches(patterns: [String], table: String, isIncluded: Bool) {
    let parts = table.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
    let name = TableName(namespace: String(parts[0]), table: String(parts[1]))
    #expect(TableFilter(patterns).includes(name) == isIncluded)
  }

  @Test func aGlobOfManyStarsEndsInTime() {
    let pattern = String(repeating: "a*", count: 50) + "b"
    let name = TableName(namespace: String(repeating: "a", count: 2000), table: "c")
    #expect(!TableFilter([pattern]).includes(name))
  }

  @Test func aStopWakesEveryWakerOnceAndLatecomersAtOnce() {
    let signal = StopSignal()
    let count = Count()
    let forgotten = signal.whenRequested { count.add(100) }
    _ = signal.whenRequested { count.add(1) }
    signal.forget(forgotten)
    #expect(!signal.isRequested && count.value == 0)
    signal.request()
    signal.request()
    #expect(signal.isRequested && count.value == 1)
    _ = signal.whenRequested { count.add(10) }
    #expect(count.value == 11)
  }

  private final class Count: Sendable {
    private let state = Mutex(0)
    var value: Int { state.withLock { $0 } }
    func add(_ number: Int) { state.withLock { $0 += number } }
  }
}
