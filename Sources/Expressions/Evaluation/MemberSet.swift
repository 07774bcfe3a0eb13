import Change

/// The constants of a long `in (…)`, to be found by hash: immutable, to be shared by evaluators.
///
/// *Cost*: a look-up is one multiplication for a number, one for each eight bytes of a text; no allocation.
final class MemberSet: Sendable {
  /// Whether NULL is a member: then what is not found is NULL.
  let hasNull: Bool
  /// Numbers from 0 to 2^63 - 1 by their hash; `empty` where there is none.
  private let numbers: [UInt64]
  /// Numbers beyond these, below as well as above.
  private let others: [Cell]
  /// Texts by their hash: 1 and the index into `texts`; 0 where there is none.
  private let places: [UInt32]
  private let texts: [(offset: Int, length: Int)]
  private let bytes: [UInt8]

  private static let empty = UInt64.max

  /// - Parameter members: numbers only, or texts only, and NULL.
  init(_ members: [Constant]) {
    hasNull = members.contains { $0.cell.tag == .null }
    let values = members.filter { $0.cell.tag != .null }
    var numbers = [UInt64](repeating: MemberSet.empty, count: MemberSet.capacity(values.count))
    var places = [UInt32](repeating: 0, count: numbers.count)
    var (others, texts, bytes): ([Cell], [(offset: Int, length: Int)], [UInt8]) = ([], [], [])
    let mask = numbers.count - 1
    for value in values {
      if value.cell.isSlice {
        var slot = Int(truncatingIfNeeded: value.bytes.withUnsafeBufferPointer(MemberSet.hash)) & mask
        while places[slot] != 0 { slot = (slot + 1) & mask }
        texts.append((bytes.count, value.bytes.count))
        bytes += value.bytes
        places[slot] = UInt32(texts.count)
      } else if value.cell.int < 0 {
        others.append(value.cell)
      } else {
        var slot = Int(truncatingIfNeeded: MemberSet.mixed(value.cell.payload)) & mask
        while numbers[slot] != MemberSet.empty { slot = (slot + 1) & mask }
        numbers[slot] = value.cell.payload
      }
    }
    (self.numbers, self.others, self.places, self.texts, self.bytes) = (numbers, others, places, texts, bytes)
  }

  /// At most half of the slots are taken: a search ends at a free one.
  private static func capacity(_ count: Int) -> Int {
    var capacity = 4
    while capacity < 2 * count { capacity *= 2 }
    return capacity
  }

  @inline(__always) private static func mixed(_ value: UInt64) -> UInt64 {
    let product = value &* 0x9e37_79b9_7f4a_7c15
    return product ^ (product >> 32)
  }

  @inline(__always) private static func hash(_ text: UnsafeBufferPointer<UInt8>) -> UInt64 {
    var hash = UInt64(truncatingIfNeeded: text.count)
    var index = 0
    while index + 8 <= text.count {
      // Eight bytes are there, at any alignment.
      let word = UnsafeRawPointer(text.baseAddress! + index).loadUnaligned(as: UInt64.self)
      hash = mixed(hash ^ word)
      index += 8
    }
    var rest: UInt64 = 0
    while index < text.count {
      rest = rest << 8 | UInt64(text[index])
      index += 1
    }
    return mixed(hash ^ rest)
  }

  /// Calls `body` with the question whether a number is a member.
  @inline(__always) func withNumbers(_ body: ((Cell) -> Bool) -> Void) {
    let mask = numbers.count - 1
    numbers.withUnsafeBufferPointer { numbers in
      body { cell in
        guard cell.int >= 0 else { return isOther(cell) }
        var slot = Int(truncatingIfNeeded: MemberSet.mixed(cell.payload)) & mask
        while numbers[slot] != MemberSet.empty {
          if numbers[slot] == cell.payload { return true }
          slot = (slot + 1) & mask
        }
        return false
      }
    }
  }

  @inline(never) private func isOther(_ cell: Cell) -> Bool {
    others.contains { ExpressionEvaluator.integerOrder($0, cell) == 0 }
  }

  /// Calls `body` with the question whether a text is a member.
  @inline(__always) func withTexts(_ body: ((UnsafeBufferPointer<UInt8>) -> Bool) -> Void) {
    let mask = places.count - 1
    places.withUnsafeBufferPointer { places in
      texts.withUnsafeBufferPointer { texts in
        bytes.withUnsafeBufferPointer { bytes in
          body { text in
            var slot = Int(truncatingIfNeeded: MemberSet.hash(text)) & mask
            while places[slot] != 0 {
              let member = texts[Int(places[slot]) - 1]
              if member.length == text.count {
                let stored = UnsafeBufferPointer(rebasing: bytes[member.offset..<(member.offset + member.length)])
                if ExpressionEvaluator.isEqual(stored, text) { return true }
              }
              slot = (slot + 1) & mask
            }
            return false
          }
        }
      }
    }
  }
}
