/// The kind of a binary log event, as its number in the event header.
///
/// Numbers up to 42 are MySQL's, from 160 MariaDB's.
struct EventType: Hashable, Sendable, CustomStringConvertible {
  let rawValue: UInt8

  static let startV3 = EventType(rawValue: 1)
  static let query = EventType(rawValue: 2)
  static let stop = EventType(rawValue: 3)
  static let rotate = EventType(rawValue: 4)
  static let intvar = EventType(rawValue: 5)
  static let rand = EventType(rawValue: 13)
  static let userVariable = EventType(rawValue: 14)
  static let formatDescription = EventType(rawValue: 15)
  static let xid = EventType(rawValue: 16)
  static let tableMap = EventType(rawValue: 19)
  static let writeRowsV1 = EventType(rawValue: 23)
  static let updateRowsV1 = EventType(rawValue: 24)
  static let deleteRowsV1 = EventType(rawValue: 25)
  static let incident = EventType(rawValue: 26)
  static let heartbeat = EventType(rawValue: 27)
  static let ignorable = EventType(rawValue: 28)
  static let rowsQuery = EventType(rawValue: 29)
  static let writeRowsV2 = EventType(rawValue: 30)
  static let updateRowsV2 = EventType(rawValue: 31)
  static let deleteRowsV2 = EventType(rawValue: 32)
  static let gtidMySQL = EventType(rawValue: 33)
  static let anonymousGTID = EventType(rawValue: 34)
  static let previousGTIDs = EventType(rawValue: 35)
  static let transactionContext = EventType(rawValue: 36)
  static let viewChange = EventType(rawValue: 37)
  static let xaPrepare = EventType(rawValue: 38)
  static let partialUpdateRows = EventType(rawValue: 39)
  static let transactionPayload = EventType(rawValue: 40)
  static let heartbeatV2 = EventType(rawValue: 41)
  static let gtidTagged = EventType(rawValue: 42)
  static let annotateRows = EventType(rawValue: 160)
  static let binlogCheckpoint = EventType(rawValue: 161)
  static let gtidMariaDB = EventType(rawValue: 162)
  static let gtidList = EventType(rawValue: 163)
  static let startEncryption = EventType(rawValue: 164)
  static let queryCompressed = EventType(rawValue: 165)
  static let writeRowsCompressedV1 = EventType(rawValue: 166)
  static let updateRowsCompressedV1 = EventType(rawValue: 167)
  static let deleteRowsCompressedV1 = EventType(rawValue: 168)
  static let writeRowsCompressedV2 = EventType(rawValue: 169)
  static let updateRowsCompressedV2 = EventType(rawValue: 170)
  static let deleteRowsCompressedV2 = EventType(rawValue: 171)

  /// Statements' data in files and old forms of LOAD DATA: they exist only where rows are logged as statements.
  var isStatementData: Bool {
    switch rawValue {
    case 6...12, 17, 18: true
    default: false
    }
  }

  /// Whether each transaction of a log with GTIDs begins with it.
  var beginsTransaction: Bool {
    switch rawValue {
    case 33, 34, 42, 162: true
    default: false
    }
  }

  var description: String {
    if let name = EventType.names[rawValue] { return "\(name) (type \(rawValue))" }
    return "event type \(rawValue)"
  }

  private static let names: [UInt8: String] = [
    1: "start version 3", 2: "query", 3: "stop", 4: "rotate", 5: "integer variable", 6: "load", 8: "create file",
    9: "append block", 13: "random seed", 14: "user variable", 15: "format description", 16: "xid",
    17: "begin load query", 18: "execute load query", 19: "table map", 23: "write rows v1", 24: "update rows v1",
    25: "delete rows v1", 26: "incident", 27: "heartbeat", 28: "ignorable", 29: "rows query", 30: "write rows",
    31: "update rows", 32: "delete rows", 33: "gtid", 34: "anonymous gtid", 35: "previous gtids",
    36: "transaction context", 37: "view change", 38: "xa prepare", 39: "partial update rows",
    40: "transaction payload", 41: "heartbeat", 42: "tagged gtid", 160: "annotate rows", 161: "binlog checkpoint",
    162: "gtid", 163: "gtid list", 164: "start encryption", 165: "compressed query", 166: "compressed write rows",
    167: "compressed update rows", 168: "compressed delete rows", 169: "compressed write rows v2",
    170: "compressed update rows v2", 171: "compressed delete rows v2",
  ]
}
