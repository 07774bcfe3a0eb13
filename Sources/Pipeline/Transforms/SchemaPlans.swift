package import Change

/// What a transform has worked out for each schema, made once and found by identity.
///
/// *Memory*: bounded; a table that changes its shape without end does not fill it.
package struct SchemaPlans<Plan> {
  private var known: [ObjectIdentifier: (schema: TableSchema, plan: Plan)] = [:]

  package init() {}

  package mutating func plan(
    for schema: TableSchema, make: (TableSchema) throws(Failure) -> Plan
  ) throws(Failure) -> Plan {
    if let entry = known[ObjectIdentifier(schema)] { return entry.plan }
    let plan = try make(schema)
    if known.count >= 16_384 { known.removeAll() }
    known[ObjectIdentifier(schema)] = (schema, plan)
    return plan
  }
}
