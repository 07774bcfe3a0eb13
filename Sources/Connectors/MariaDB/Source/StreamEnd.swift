internal import Change
internal import Pipeline

/// Where a stream ends of itself.
enum StreamEnd: Hashable {
  case never
  /// At or behind a place of the server that is read.
  case place(LogPlace)
  case gtids(GTIDSet)
  case time(EventTime)

  /// - Throws: `.usage` for a position that is neither a GTID set nor `file:offset`.
  init(_ until: Until, end: () throws(Failure) -> LogPlace) throws(Failure) {
    switch until {
    case .never: self = .never
    case .now: self = .place(try end())
    case .time(let time): self = .time(time)
    case .position(let text):
      if let set = try? GTIDSet(text), !set.isEmpty {  // not a set: it may be a place
        self = .gtids(set)
      } else if let place = LogPlace(text) {
        self = .place(place)
      } else {
        throw Failure(
          .usage, "\"\(text)\" is no position of a binary log", hint: "write 0-1-42, uuid:1-42 or binlog.000004:1234")
      }
    }
  }

  func isReached(at log: LogPlace, _ gtids: GTIDSet) -> Bool {
    switch self {
    case .never, .time: false
    case .place(let place): log.isAtOrAfter(place)
    case .gtids(let set): gtids.contains(set)
    }
  }
}
