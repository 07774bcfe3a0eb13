import Glibc
import KafkaMock

// Starts a mock cluster, prints its bootstrap servers as one line, and obeys lines from standard input until that ends.
// Each line is answered with `ok` or `error …`:
//
//   topic NAME PARTITIONS
//   errors API_KEY CODE…          the next requests of that kind get these error codes (Kafka protocol, "API keys")
//   clear API_KEY
//   topic-error NAME CODE         0 ends it
//   down BROKER | up BROKER       from 1
//   latency BROKER MILLISECONDS
//   coordinator transaction|group KEY BROKER
//   leader NAME PARTITION BROKER
//
//   kafka-mock [BROKERS]

func obey(_ line: String, _ cluster: MockCluster) -> Bool {
  let words = line.split(separator: " ").map(String.init)
  let numbers = words.map { Int32($0) }
  switch (words.first, words.count) {
  case ("topic", 3):
    guard let partitions = numbers[2] else { return false }
    cluster.createTopic(words[1], partitions: Int(partitions))
  case ("errors", 3...):
    guard let key = Int16(words[1]) else { return false }
    cluster.pushErrors(apiKey: key, numbers[2...].compactMap { $0 })
  case ("clear", 2):
    guard let key = Int16(words[1]) else { return false }
    cluster.clearErrors(apiKey: key)
  case ("topic-error", 3):
    guard let code = numbers[2] else { return false }
    cluster.setError(topic: words[1], code)
  case ("down", 2), ("up", 2):
    guard let broker = numbers[1] else { return false }
    if words[0] == "down" { cluster.setDown(broker: broker) } else { cluster.setUp(broker: broker) }
  case ("latency", 3):
    guard let broker = numbers[1], let milliseconds = numbers[2] else { return false }
    cluster.setLatency(broker: broker, milliseconds: milliseconds)
  case ("coordinator", 4):
    guard let broker = numbers[3] else { return false }
    cluster.setCoordinator(words[1], key: words[2], broker: broker)
  case ("leader", 4):
    guard let partition = numbers[2], let broker = numbers[3] else { return false }
    cluster.setLeader(topic: words[1], partition: partition, broker: broker)
  default: return false
  }
  return true
}

let brokers = CommandLine.arguments.count > 1 ? Int(CommandLine.arguments[1]) ?? 1 : 1
let cluster = try MockCluster(brokers: max(1, brokers))
print(cluster.bootstrapServers)
fflush(nil)
while let line = readLine() {
  print(obey(line, cluster) ? "ok" : "error: not understood: \(line)")
  fflush(nil)
}
