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

  func definition(_ block: OptionBlock, _ problems: inout BlockProblems) -> (any TransformDefinition)? {
    let from = block.string("from")
    let captures = problems.value(from) { from throws(Failure) in
      try Route.captures(of: from, at: block.place(of: "from"))
    }
    let place = block.place(of: "to")
    guard let to = block.string("to"), let template = problems.value(try Route.template(to, at: place)),
      let from, let captures
    else { return nil }
    if let highest = template.highestCapture, highest > captures {
      problems.note(
        Failure(.configuration, "\"to\" names capture $\(highest), and \"from\" has \(captures)", at: place))
    }
    return RouteDefinition(from: from, template: template, merges: block.boolean("merge") ?? false, place: place)
  }

  private static func captures(of pattern: String, at place: String) throws(Failure) -> Int {
    do {
      _ = try Regex(pattern)
      // With an empty alternative it matches the empty text, and tells how many captures it has.
      return try Regex("\(pattern)|").wholeMatch(in: "").map { $0.output.count - 1 } ?? 0
    } catch {
      throw Failure(.configuration, "\"from\" is not a regular expression", at: place, cause: "\(error)")
    }
  }

  private static func template(_ text: String, at place: String) throws(Failure) -> NameTemplate {
    guard let template = NameTemplate(text) else {
      throw Failure(
        .configuration, "\"to\" must be of the form schema.table, with captures $0 to $9", at: place,
        hint: "for example from: \"shop\\\\.(.*)\", to: \"warehouse.$1\"")
    }
    return template
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
