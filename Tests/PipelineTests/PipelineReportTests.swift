import Change
import Foundation
import MemoryConnector
import Pipeline
import Testing

@Suite(.timeLimit(.minutes(1))) struct PipelineReportTests {
  @Test func theReportHasTheNamesThatScriptsRelyOn() async throws {
    let run = Shop.run(
      MemorySourceDefinition(log: Shop.log(1...10)),
      into: [("theArchive", MemorySinkDefinition(target: MemoryTarget())), ("nothing", BlackholeSinkDefinition())])
    try await run.run(until: .now)
    let json = try #require(JSONSerialization.jsonObject(with: run.report.json()) as? [String: Any])
    #expect(
      Set(json.keys).isSuperset(of: [
        "pipeline", "state", "seconds", "cpu_seconds", "peak_memory_bytes", "read", "sinks", "stages",
      ]))
    #expect(json["pipeline"] as? String == "shop")
    #expect(json["state"] as? String == "finished")
    let read = try #require(json["read"] as? [String: Any])
    #expect(read["rows"] as? Int == 10)
    #expect(read["transactions"] as? Int == 10)
    #expect(read["bytes"] as? Int ?? 0 > 0)
    let sinks = try #require(json["sinks"] as? [String: [String: Any]])
    #expect(Set(sinks.keys) == ["theArchive", "nothing"])
    for sink in sinks.values {
      #expect(sink["rows"] as? Int == 10)
      #expect(sink["rows_per_second"] as? Double ?? 0 > 0)
      #expect(sink["position"] as? [String: String] == ["source": "10"])
      let lag = try #require(sink["lag_ms"] as? [String: Double])
      #expect(Set(lag.keys) == ["p50", "p99", "max"])
      let right = ["read": 10, "delivered": 10, "filtered": 0, "superseded": 0, "quarantined": 0, "unaccounted": 0]
      #expect(sink["accounting"] as? [String: Int] == right)
      #expect(sink["tables"] as? [String: [String: Int]] == ["shop.orders": right])
    }
    let stages = try #require(json["stages"] as? [String: [String: Any]])
    #expect(Set(stages.keys) == ["source", "order", "deliver.theArchive", "deliver.nothing"])
    #expect(stages["source"]?["busy_seconds"] is Double || stages["source"]?["busy_seconds"] is Int)
    #expect(stages["source"]?["blocked_seconds"] != nil)
  }

  @Test func aReportOfNothingIsStillAReport() throws {
    let run = Shop.run(MemoryLog(), into: MemoryTarget())
    let json = try #require(JSONSerialization.jsonObject(with: run.report.json()) as? [String: Any])
    #expect(json["state"] as? String == "starting")
    let sinks = try #require(json["sinks"] as? [String: [String: Any]])
    #expect(sinks["copy"]?["lag_ms"] == nil)
    #expect(sinks["copy"]?["position"] as? [String: String] == [:])
  }
}
