package import Change

extension TableName {
  /// A template with `{schema}` and `{table}` replaced by this name's parts. What they bring in is not read again.
  package func filling(_ template: String) -> String {
    var result = ""
    var rest = template[...]
    while !rest.isEmpty {
      if rest.hasPrefix("{schema}") {
        result += namespace
        rest = rest.dropFirst(8)
      } else if rest.hasPrefix("{table}") {
        result += table
        rest = rest.dropFirst(7)
      } else {
        result.append(rest.removeFirst())
      }
    }
    return result
  }
}
