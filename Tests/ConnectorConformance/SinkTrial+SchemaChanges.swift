import Change
import MemoryConnector
import Pipeline
import Testing

extension SinkTrial {
  /// Create, alter, rename, truncate and drop, each between rows of the old and of the new shape.
  func schemaChangesReachTheTarget() async throws {
    let name = TableName(namespace: "conformance", table: "evolving")
    let id = ConformanceSchema.id
    let note = ConformanceSchema.note
    let extra = ColumnSchema(name: "extra", type: .integer(bits: 32, unsigned: false))
    let first = TableSchema(name: name, columns: [id, note], key: [0])
    let second = TableSchema(name: name, columns: [id, note, extra], key: [0], version: 2)
    let third = TableSchema(name: name, columns: [id, extra], key: [0], version: 3)
    let renamed = TableSchema(
      name: TableName(namespace: "conformance", table: "evolved"), columns: [id, extra], key: [0], version: 4)
    try await session { session in
      try await session.write([.schema(change(.create, nil, first))])
      try await session.write([.insert(first, [.int(1), .text("one")]), .insert(first, [.int(2), .text("two")])])
      _ = try await session.commit()
      try await expectMirror(first)
      try await session.write([.schema(change(.alter, first, second))])
      try await session.write([.insert(second, [.int(3), .text("three"), .int(3)])])
      _ = try await session.commit()
      try await expectMirror(second)
      // In one group with rows before and behind it.
      try await session.write([
        .update(second, before: [.int(1), .text("one"), .null], after: [.int(1), .text("uno"), .int(1)])
      ])
      try await session.write([.schema(change(.alter, second, third))])
      try await session.write([.insert(third, [.int(4), .int(4)])])
      _ = try await session.commit()
      try await expectMirror(third)
      try await session.write([.schema(change(.rename, third, renamed))])
      try await session.write([.delete(renamed, [.int(2), .null])])
      _ = try await session.commit()
      try await expectMirror(renamed)
      try await session.write([.schema(change(.truncate, renamed, renamed))])
      try await session.write([.insert(renamed, [.int(9), .null])])
      _ = try await session.commit()
      try await expectMirror(renamed)
      try await session.write([.schema(change(.drop, renamed, nil))])
      let receipt = try await session.commit()
      expect(receipt.outcomes[renamed.name]?.total == 1, "a schema change counts as one change of its table")
      if harness.capabilities.isMirror {
        expect(try await target.rows(of: renamed) == nil, "a dropped table is still there")
      }
    }
  }

  private func change(_ kind: SchemaChange.Kind, _ before: TableSchema?, _ after: TableSchema?) -> SchemaChange {
    SchemaChange(
      kind: kind, table: (before ?? after ?? ConformanceSchema.items).name, before: before, after: after, statement: "")
  }

  /// An append-only target keeps each change in the shape that it had; what readers make of it is the format's matter.
  private func expectMirror(_ schema: TableSchema, sourceLocation: SourceLocation = #_sourceLocation) async throws {
    if harness.capabilities.isMirror { try await expectSameContent([schema], sourceLocation: sourceLocation) }
  }
}
