internal import Change

extension SnapshotState {
  func write(_ json: inout JSONText) {
    json.key("snapshot")
    json.object { json in
      json.key("step")
      json.number(step)
      json.key("level")
      json.number(levelStep)
      json.key("rows")
      json.number(rows)
      if let doneThrough {
        json.key("through")
        json.array { json in
          json.string(doneThrough.namespace)
          json.string(doneThrough.table)
        }
      }
      json.key("tables")
      json.array { json in for table in tables { table.write(&json) } }
    }
  }

  struct Form: Decodable {
    struct Table: Decodable {
      var name: [String]
      var key: [String]
      var done: Bool
      var ranges: [[[String]?]]
    }

    var step: UInt64
    var level: UInt64
    var rows: UInt64
    var through: [String]?
    var tables: [Table]
  }

  init(_ form: Form) throws(Failure) {
    self.init(step: form.step, levelStep: form.level, rows: form.rows)
    if let through = form.through { doneThrough = try SnapshotState.name(through) }
    for table in form.tables {
      var read = Table(name: try SnapshotState.name(table.name), keyColumns: table.key, isDone: table.done)
      for bounds in table.ranges {
        let keys = bounds.compactMap { $0 }
        guard bounds.count == 2, keys.allSatisfy({ $0.count == table.key.count }) else { throw SnapshotState.damaged }
        read.ranges.append(Range(after: bounds[0], through: bounds[1]))
      }
      tables.append(read)
    }
  }

  private static func name(_ parts: [String]) throws(Failure) -> TableName {
    guard parts.count == 2 else { throw damaged }
    return TableName(namespace: parts[0], table: parts[1])
  }

  private static var damaged: Failure {
    Failure(.corruptState, "a stored position holds a snapshot's progress that cannot be read")
  }
}

extension SnapshotState.Table {
  fileprivate func write(_ json: inout JSONText) {
    json.object { json in
      json.key("name")
      json.array { json in
        json.string(name.namespace)
        json.string(name.table)
      }
      json.key("key")
      json.array { json in for column in keyColumns { json.string(column) } }
      json.key("done")
      json.boolean(isDone)
      json.key("ranges")
      json.array { json in
        for range in ranges {
          json.array { json in
            SnapshotState.write(range.after, &json)
            SnapshotState.write(range.through, &json)
          }
        }
      }
    }
  }
}

extension SnapshotState {
  fileprivate static func write(_ key: Key?, _ json: inout JSONText) {
    guard let key else { return json.null() }
    json.array { json in for part in key { json.string(part) } }
  }
}
