import Change
import FilesConnector
import Foundation
import Pipeline
import Testing

/// Names that try to leave a folder, to meet one another or to break a parser.
private let hostileNames: [String] = {
  var names = [
    "", ".", "..", "...", "/", "//", "/etc/passwd", "../../x", "..\\x", "a/b", "a%2Fb", "a%2fb", "%", "%%", "%2E",
    "%2e%2e",
    "\0", "a\0b", "\n", "a\nb", "\r", "\t", " ", "a ", " a", "a.", ".a", "~", "~root", "@stream", "@transactions",
    "-rf",
    "--", "`", "'", "\"", "\\", "*", "?", "[a]", "{a}", "$HOME", "$(x)", "`x`", ";", "|", "&", "<", ">", "!", "#", ":",
    "a:b",
    "CON", "con", "Con", "NUL", "manifest.json", "lock", "manifest-00000001-0000000001.json",
    "00000001-0000000001.jsonl",
    "é", "e\u{301}", "ä", "Ä", "ÿ", "ﬀ", "ff", "İ", "i", "I", "ı", "\u{202e}abc", "\u{feff}a", "\u{200b}a", "a\u{200b}",
    "💧",
    "💧💧", "a+", "+", "a_b", "a-b", "a.b", "A", "a", "AA", "aA", "Aa", "aa", "\u{1b}[31m", "a\u{7f}", "名", "名前", "a,b",
    "=1+1",
  ]
  names.append(String(repeating: "\u{10ffff}", count: 64))
  names.append(String(repeating: "\u{10fffe}", count: 64))
  names.append(String(repeating: "x", count: 199))
  names.append(String(repeating: "x", count: 200))
  names.append(String(repeating: "x", count: 201))
  names.append(String(repeating: "x", count: 1000))
  names.append(String(repeating: "/", count: 100))
  names.append(String(repeating: "../", count: 50))
  return names
}()

@Suite struct SegmentNameTests {
  @Test func hostileNamesAreDifferentPlainShortFolders() {
    #expect(hostileNames.count >= 100)
    var seen: Set<[String]> = []
    let plain = Set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-%+".utf8)
    for name in hostileNames {
      let folders = SegmentName.folders(for: name)
      for folder in folders {
        #expect(!folder.isEmpty && folder.utf8.count <= 201 && plain.isSuperset(of: folder.utf8))
      }
      #expect(
        seen.insert(folders).inserted)
    }
  }

  @Test func pairsOfNamesNeverMeet() {
    var seen: Set<[String]> = []
    let names = Set(hostileNames.map { Array($0.utf8) }).map { String(decoding: $0, as: UTF8.self) }
    for first in names {
      for second in names { seen.insert(SegmentName.folders(for: first) + SegmentName.folders(for: second)) }
    }
    #expect(seen.count == names.count * names.count)
  }

  @Test func hostileTablesStayInTheFolderAndComeBackWhole() async throws {
    let folder = try ScratchFolder()
    let sink = try FilesSink(Sample.settings(folder.root), pipeline: "shop", badRows: .stop)
    _ = try await sink.open()
    let work = Workload()
    for name in hostileNames { work.insert(into: [Sample.table(name, namespace: String(name.reversed()))]) }
    _ = try await sink.deliver(work.take(), Sample.checkpoint(1))
    await sink.close()
    #expect(try committedRows(folder.root).count == hostileNames.count)
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["archive"])
    var tables: Set<String> = []
    try ManifestReader(folder.root).read { record, _ in
      if let table = record.table { tables.insert(table.namespace + "\u{1}" + table.table) }
    }
    #expect(tables == Set(hostileNames.map { String($0.reversed()) + "\u{1}" + $0 }))
  }

  @Test func aLinkInTheFolderIsNotFollowed() async throws {
    let folder = try ScratchFolder()
    let elsewhere = folder.path + "/elsewhere"
    try FileManager.default.createDirectory(atPath: elsewhere, withIntermediateDirectories: true)
    let sink = try FilesSink(Sample.settings(folder.root), pipeline: "shop", badRows: .stop)
    _ = try await sink.open()
    try FileManager.default.createSymbolicLink(atPath: folder.root + "/shop", withDestinationPath: elsewhere)
    let work = Workload()
    work.insert(into: [Sample.table("orders")])
    let failure = await #expect(throws: Failure.self) { _ = try await sink.deliver(work.take(), Sample.checkpoint(1)) }
    #expect(failure?.code == .inputOutput)
    #expect(failure?.place.hasSuffix("archive/shop") == true)
    #expect(try FileManager.default.contentsOfDirectory(atPath: elsewhere).isEmpty)
  }

  @Test func filesAndFoldersAreNotForEverybody() async throws {
    let folder = try ScratchFolder()
    let sink = try FilesSink(Sample.settings(folder.root), pipeline: "shop", badRows: .stop)
    _ = try await sink.open()
    let work = Workload()
    work.insert(into: [Sample.table("orders")])
    _ = try await sink.deliver(work.take(), Sample.checkpoint(1))
    for path in folder.files() + ["", "shop", "shop/orders"] {
      let attributes = try FileManager.default.attributesOfItem(atPath: "\(folder.root)/\(path)")
      let mode = (attributes[.posixPermissions] as? NSNumber)?.intValue ?? 0o777
      #expect(mode & 0o027 == 0, "\(path)")
    }
  }
}
