import Change

/// Gives tables other names: a pattern over `schema.table` with captures, and what to make of them.
///
/// The pattern is a regular expression and must match the whole name. The first rule that matches decides; blocks of
/// `route` follow each other like other verbs, each sees the names that the one before has made.
struct Route: Verb {
  let name = "route"
  let summary = "Gives tables other names, by a regular expression over schema.table."
  let options = [
    Option("from", .string, isRequired: true, "A regular expression that a whole schema.table matches."),
    Option("to", .string, isRequired: true, "The new schema.table; $1 to $9 are the captures, $0 the whole name."),
    Option(
      "merge", .boolean, default: "false",
      "Whether several tables may get the same name: shards of one table, told apart by their keys."),
  ]

  func definition(_ block: OptionBlock) throws(Failure) -> any TransformDefinition {
    let from = try block.require(block.string("from"), "from")
    let to = try block.require(block.string("to"), "to")
    let captures: Int
    do {
      _ = try Regex(from)
      // With an empty alternative it matches the empty text, and tells how many captures it has.
      captures = try Regex("\(from)|").wholeMatch(in: "").map { $0.output.count - 1 } ?? 0
    } catch {
      throw Failure(
        .configuration, "\"from\" is not a regular expression", at: block.place(of: "from"), cause: "\(error)")
    }
    guard let template = NameTemplate(to) else {
      throw Failure(
        .configuration, "\"to\" must be of the form schema.table, with captures $0 to $9", at: block.place(of: "to"),
        hint: "for example from: \"shop\\\\.(.*)\", to: \"warehouse.$1\"")
    }
    if let highest = template.highestCapture, highest > captures {
      throw Failure(
        .configuration, "\"to\" names capture $\(highest), and \"from\" has \(captures)", at: block.place(of: "to"))
    }
    return RouteDefinition(
      from: from, template: template, merges: block.boolean("merge") ?? false, place: block.place(of: "to"))
  }
}

private struct RouteDefinition: TransformDefinition {
  let from: String
  let template: NameTemplate
  let merges: Bool
  /// Of the names that the rule gives.
  let place: String

  /// The pattern says which.
  var tables: TransformTables { .all }

  func makeTransform(_ context: TransformContext) throws(Failure) -> any Transform {
    do {
      return RouteTransform(
        pattern: try Regex(from), template: template, merges: merges, place: place, context)
    } catch {
      throw Failure(.internal, "a pattern that was checked is none", at: place, cause: "\(error)")
    }
  }
}
