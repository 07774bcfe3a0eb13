/// Why a row could not be read; the caller knows the table and the place.
struct RowFault: Error {
  enum Reason {
    /// The event ends before the value does.
    case truncated
    /// The bytes are no text of the column's charset.
    case badText
    /// The bytes are no value of the column's type.
    case badValue
    /// The batch's memory would pass 4 GiB.
    case tooLarge
    case refused
  }

  var reason: Reason
  /// Index of the column, or -1 for what stands before the first one.
  var column: Int
}
