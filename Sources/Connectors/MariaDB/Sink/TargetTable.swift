internal import Change

/// One table of the target: what is written there, and what stands in the way of writing it in bulk.
///
/// *Thread*: its sink's. Made anew whenever the shape of the table changes on either side.
final class TargetTable {
  let schema: TableSchema
  let name: TableName
  /// `` `database`.`table` ``.
  let quotedName: String
  /// The columns that are written, in the source's order. Not those that the target computes itself, nor those that it does
  /// not have.
  let columns: [TargetColumn]
  /// The columns by which a row is found, in key order; also those that the target computes itself. Empty without a key.
  let keyColumns: [TargetColumn]
  /// Columns of the source that the target does not have and the policy leaves out.
  let leftOut: [Int]
  /// Whether the target has unique keys besides the source's key, so that rows may have to trade values.
  let hasOtherUniqueKeys: Bool
  /// Whether a foreign key begins or ends at the table.
  let hasForeignKeys: Bool
  let hasTriggers: Bool
  /// Whether the target stores columns that the source does not have: whose values a row must keep.
  let hasOtherColumns: Bool
  /// Whether the target computes columns of its own from what is written.
  let computesColumns: Bool
  /// Whether the target takes keys for equal whose bytes differ, be it by case or by blanks at their end.
  let takesKeysForEqual: Bool
  /// Whether it was made by this call.
  let isNew: Bool

  init(
    schema: TableSchema, name: TableName, shape: TargetShape, fit: TargetShapeCheck.Fit, isReferenced: Bool,
    isNew: Bool
  ) throws(Failure) {
    self.schema = schema
    self.name = name
    quotedName = try TargetText.name(name)
    columns = fit.columns
    leftOut = fit.leftOut
    var keys: [TargetColumn] = []
    for index in schema.key {
      guard let found = shape.column(schema.columns[index].name) else { continue }
      keys.append(try TargetColumn(index, of: schema, at: found))
    }
    keyColumns = keys
    let key = Set(schema.key.map { schema.columns[$0].name.lowercased() })
    hasOtherUniqueKeys = shape.uniqueKeys.contains { Set($0) != key }
    let written = Set(fit.columns.map { $0.name.lowercased() })
    hasOtherColumns = shape.columns.contains { !$0.isGenerated && !written.contains($0.name.lowercased()) }
    computesColumns = shape.columns.contains(where: \.isGenerated)
    hasForeignKeys = isReferenced || shape.hasForeignKeys
    hasTriggers = shape.hasTriggers
    takesKeysForEqual = schema.key.contains { index in
      guard let collation = shape.column(schema.columns[index].name)?.collation else { return false }
      return !TargetCollation.isExact(collation)
    }
    self.isNew = isNew
  }
}
