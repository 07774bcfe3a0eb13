import Change
import PatternMatching

/// Texts in which what a pattern finds is replaced.
extension ExpressionEvaluator {
  func replaceMatches(_ instruction: Instruction) {
    let matcher = matchers[Int(instruction.resource)]
    zip(instruction) { replaceMatches(of: matcher, in: $0, by: $1, instruction.place) }
  }

  /// One match behind the other, up to the first that is empty, as in MariaDB. The result grows piece by piece: what was
  /// committed stays when the scratch memory moves.
  private func replaceMatches(
    of matcher: Matcher, in cell: Cell, by replacement: Cell, _ place: Int32
  ) -> Cell {
    let mark = scratchCount
    var read = 0
    while true {
      let answer = matcher.find(in: UnsafeRawBufferPointer(bytes(of: cell)), from: read)
      if answer == .failed {
        rewindScratch(to: mark)
        return .problem(.patternLimit, at: place)
      }
      guard answer == .found, let match = matcher.range(ofGroup: 0), !match.isEmpty, match.lowerBound >= read else {
        break
      }
      let kept = match.lowerBound - read
      let length = kept + expand(replacement, matcher, cell, into: nil)
      guard let memory = reserve(length, behind: mark) else { return .problem(.tooLong, at: place) }
      copy(cell, read..<match.lowerBound, to: memory)
      _ = expand(replacement, matcher, cell, into: memory + kept)
      _ = commit(length)
      read = match.upperBound
    }
    if read == 0 { return part(cell, from: 0, to: cell.length) }
    guard let memory = reserve(cell.length - read, behind: mark) else { return .problem(.tooLong, at: place) }
    copy(cell, read..<cell.length, to: memory)
    _ = commit(cell.length - read)
    return .slice(.text, offset: arenaCount + mark, length: scratchCount - mark)
  }

  /// Room for more of a text that begins at `mark`; nil where it becomes too long, and then nothing of it is left.
  private func reserve(_ length: Int, behind mark: Int) -> UnsafeMutablePointer<UInt8>? {
    if scratchCount - mark + length <= ExpressionEvaluator.textLimit, let memory = reserve(length) { return memory }
    rewindScratch(to: mark)
    return nil
  }

  private func copy(_ cell: Cell, _ range: Range<Int>, to memory: UnsafeMutablePointer<UInt8>) {
    guard let start = bytes(of: cell).baseAddress else { return }
    memory.update(from: start + range.lowerBound, count: range.count)
  }

  /// What replaces the last match: `\0` to `\9` are the match and its groups, any other character behind a backslash is
  /// itself, and a backslash at the end is nothing.
  /// - Returns: how many bytes that are.
  private func expand(
    _ replacement: Cell, _ matcher: Matcher, _ cell: Cell, into memory: UnsafeMutablePointer<UInt8>?
  ) -> Int {
    let text = bytes(of: replacement)
    var (index, written) = (0, 0)
    while index < text.count {
      var byte = text[index]
      index += 1
      if byte == UInt8(ascii: "\\") {
        guard index < text.count else { break }
        byte = text[index]
        index += 1
        if byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") {
          guard let group = matcher.range(ofGroup: Int(byte) - 0x30) else { continue }
          if let memory { copy(cell, group, to: memory + written) }
          written += group.count
          continue
        }
      }
      if let memory { memory[written] = byte }
      written += 1
    }
    return written
  }
}
