package import Change
package import MariaDBClient

/// Where the servers of one history listen, and who asks: `mariadb://user:password@host1:3306,host2/`, or
/// `mariadb://user@localhost/?socket=/run/mysqld/mysqld.sock`.
package struct MariaDBURL: Sendable {
  /// In the order in which they are tried.
  package var addresses: [MariaDBAddress]
  package var credentials: MariaDBCredentials

  /// - Throws: `.configuration`; the message never repeats the text, which may hold a password.
  package init(_ text: String) throws(Failure) {
    guard let scheme = ["mariadb://", "mysql://"].first(where: { text.hasPrefix($0) }) else {
      throw Failure(.configuration, "a url begins with \"mariadb://\" or \"mysql://\"")
    }
    var rest = text.dropFirst(scheme.count)
    var query = Substring()
    if let mark = rest.firstIndex(of: "?") {
      query = rest[rest.index(after: mark)...]
      rest = rest[..<mark]
    }
    var authority = rest
    if let slash = rest.lastIndex(of: "/"), !rest[slash...].contains("@") { authority = rest[..<slash] }
    credentials = MariaDBCredentials(user: "root")
    if let at = authority.lastIndex(of: "@") {
      credentials = try MariaDBURL.credentials(authority[..<at])
      authority = authority[authority.index(after: at)...]
    }
    if let path = try MariaDBURL.socket(query) {
      addresses = [.socket(path: path)]
    } else {
      addresses = []
      for host in authority.split(separator: ",") { addresses.append(try MariaDBURL.address(host)) }
      guard !addresses.isEmpty else { throw Failure(.configuration, "the url names no host") }
    }
  }

  private static func credentials(_ text: Substring) throws(Failure) -> MariaDBCredentials {
    let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    let password: Secret? = parts.count == 2 ? Secret(try decoded(parts[1])) : nil
    return MariaDBCredentials(user: try decoded(parts[0]), password: password)
  }

  private static func address(_ text: Substring) throws(Failure) -> MariaDBAddress {
    var host = text
    var port: Substring?
    if text.hasPrefix("[") {
      guard let close = text.firstIndex(of: "]") else {
        throw Failure(.configuration, "a host of the url lacks its \"]\"")
      }
      host = text[text.index(after: text.startIndex)..<close]
      let tail = text[text.index(after: close)...]
      port = tail.isEmpty ? nil : tail.dropFirst()
    } else if let colon = text.lastIndex(of: ":") {
      host = text[..<colon]
      port = text[text.index(after: colon)...]
    }
    guard !host.isEmpty else { throw Failure(.configuration, "a host of the url is empty") }
    guard let port else { return .tcp(host: String(host), port: 3306) }
    guard let number = UInt16(port), number > 0 else {
      throw Failure(.configuration, "a port of the url is not a number from 1 to 65535")
    }
    return .tcp(host: String(host), port: number)
  }

  private static func socket(_ query: Substring) throws(Failure) -> String? {
    var path: String?
    for item in query.split(separator: "&") {
      let parts = item.split(separator: "=", maxSplits: 1)
      guard parts.count == 2, parts[0] == "socket" else {
        throw Failure(
          .configuration, "the url has a parameter other than \"socket\"",
          hint: "tls and the rest are options of the source")
      }
      path = try decoded(parts[1])
    }
    return path
  }

  private static func decoded(_ text: Substring) throws(Failure) -> String {
    var bytes: [UInt8] = []
    var rest = text.utf8.makeIterator()
    while let byte = rest.next() {
      guard byte == UInt8(ascii: "%") else {
        bytes.append(byte)
        continue
      }
      guard let high = rest.next().flatMap(hexDigit), let low = rest.next().flatMap(hexDigit) else {
        throw Failure(.configuration, "a \"%\" of the url is not followed by two hexadecimal digits")
      }
      bytes.append(high << 4 | low)
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  private static func hexDigit(_ byte: UInt8) -> UInt8? {
    Character(UnicodeScalar(byte)).hexDigitValue.map { UInt8($0) }
  }
}
