import Change
import MariaDBConnector
import Testing

struct GTIDSetTests {
  private let uuid = "3e11fa47-71ca-11e1-9e33-c80aa9429562"

  @Test("a set prints what it was read from, in order")
  func roundTrip() throws {
    #expect(try GTIDSet("1-2-7, 0-1-42").description == "0-1-42,1-2-7")
    #expect(try GTIDSet("").isEmpty)
    #expect(try GTIDSet("\(uuid.uppercased()):7:1-3:4").description == "\(uuid):1-4:7")
    #expect(try GTIDSet("\(uuid):1-3:tag:5-6").description == "\(uuid):1-3,\(uuid):tag:5-6")
  }

  @Test("intervals with gaps grow together when the gap is filled")
  func gaps() throws {
    var set = try GTIDSet("\(uuid):1-3:5-9")
    let source = try #require(set.intervals.keys.first)
    #expect(!set.contains(.mysql(source, number: 4)))
    #expect(set.contains(try GTIDSet("\(uuid):2-3:6")))
    #expect(!set.contains(try GTIDSet("\(uuid):3-5")))
    set.insert(.mysql(source, number: 4))
    #expect(set.description == "\(uuid):1-9")
    set.insert(.mysql(source, number: .max))
    #expect(set.contains(.mysql(source, number: .max)))
  }

  @Test("a domain contains everything up to its newest transaction")
  func domains() throws {
    let set = try GTIDSet("0-1-42")
    #expect(set.contains(.mariadb(domain: 0, server: 9, sequence: 42)))
    #expect(!set.contains(.mariadb(domain: 0, server: 1, sequence: 43)))
    #expect(!set.contains(.mariadb(domain: 1, server: 1, sequence: 1)))
  }

  @Test(
    "what is no set is refused",
    arguments: [
      "0-1", "0-1-", "a-b-c", "0-1-2,0-2-3", "5000000000-1-1", "uuid:1", "3e11fa47:1-2", "0-1-1-1", ":",
      "3e11fa47-71ca-11e1-9e33-c80aa9429562", "3e11fa47-71ca-11e1-9e33-c80aa9429562:5-1",
      "3e11fa47-71ca-11e1-9e33-c80aa9429562:0", "0-1-2,3e11fa47-71ca-11e1-9e33-c80aa9429562:1",
    ])
  func refused(_ text: String) {
    #expect(throws: Failure.self) { try GTIDSet(text) }
  }
}
