package import Change

extension GTIDSet {
  /// Reads what `description` prints, and what the servers print: blanks and line feeds around parts are allowed.
  ///
  /// Throws `Failure.configuration` that names the part which cannot be read.
  package init(_ text: String) throws(Failure) {
    self.init()
    guard text.utf8.count <= 1 << 20 else {
      throw Failure(.limit, "a GTID set has \(text.utf8.count) bytes; at most 1048576 are read")
    }
    for piece in text.split(separator: ",", omittingEmptySubsequences: true) {
      let part = piece.filter { !$0.isWhitespace }
      guard !part.isEmpty else { continue }
      if part.contains(":") {
        try insertSource(part)
      } else {
        try insertDomain(part)
      }
    }
    guard domains.isEmpty || intervals.isEmpty else {
      throw Failure(.configuration, "a GTID set mixes MariaDB's and MySQL's form")
    }
  }

  private mutating func insertDomain(_ part: String) throws(Failure) {
    let numbers = part.split(separator: "-", omittingEmptySubsequences: false)
    guard numbers.count == 3, let domain = UInt32(numbers[0]), let server = UInt32(numbers[1]),
      let sequence = UInt64(numbers[2])
    else { throw Self.unreadable(part, "domain-server-sequence, for example 0-1-42") }
    guard domains[domain] == nil else {
      throw Failure(.configuration, "a GTID set names domain \(domain) twice")
    }
    insert(.mariadb(domain: domain, server: server, sequence: sequence))
  }

  private mutating func insertSource(_ part: String) throws(Failure) {
    let form = "uuid:numbers, for example 3e11fa47-71ca-11e1-9e33-c80aa9429562:1-5:7"
    let fields = part.split(separator: ":", omittingEmptySubsequences: false)
    guard let first = fields.first, var source = Self.source(first), fields.count >= 2 else {
      throw Self.unreadable(part, form)
    }
    var sawNumbers = false
    for field in fields.dropFirst() {
      if let range = Self.range(field) {
        insert(range, of: source)
        sawNumbers = true
      } else if Self.isTag(field) {
        source.tag = field.lowercased()
        sawNumbers = false
      } else {
        throw Self.unreadable(part, form)
      }
    }
    guard sawNumbers else { throw Self.unreadable(part, form) }
  }

  private static func source(_ text: Substring) -> GTIDSource? {
    var halves: [UInt64] = [0, 0]
    var count = 0
    for character in text.utf8 where character != 0x2d {
      guard count < 32, let digit = Character(UnicodeScalar(character)).hexDigitValue else { return nil }
      halves[count / 16] = halves[count / 16] << 4 | UInt64(digit)
      count += 1
    }
    return count == 32 ? GTIDSource(high: halves[0], low: halves[1]) : nil
  }

  private static func range(_ text: Substring) -> ClosedRange<UInt64>? {
    let bounds = text.split(separator: "-", omittingEmptySubsequences: false)
    guard let first = bounds.first.flatMap({ UInt64($0) }), first > 0 else { return nil }
    guard bounds.count == 2 else { return bounds.count == 1 ? first...first : nil }
    guard let last = UInt64(bounds[1]), last >= first else { return nil }
    return first...last
  }

  private static func isTag(_ text: Substring) -> Bool {
    guard let first = text.first, first == "_" || first.isLetter, text.utf8.count <= 32 else { return false }
    return text.allSatisfy { $0.isASCII && ($0 == "_" || $0.isLetter || $0.isNumber) }
  }

  private static func unreadable(_ part: String, _ form: String) -> Failure {
    Failure(.configuration, "\"\(part)\" is no GTID", hint: "expected \(form)")
  }
}
