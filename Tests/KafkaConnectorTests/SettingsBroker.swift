import Foundation
import Glibc

/// A broker of one topic that answers three requests, the third of them one that the mock cluster does not know: what
/// versions there are, what topics, and what a topic's `cleanup.policy` is. (Kafka protocol, "The Messages".)
///
/// *Thread*: it has one of its own for each connection, which ends with the client's.
final class SettingsBroker: Sendable {
  let port: Int32
  private let listener: Int32
  private let topic: String
  private let policy: String?

  /// - Parameter policy: nil: the setting may not be told.
  init(topic: String, policy: String?) throws {
    listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let (descriptor, length) = (listener, size)
    let isListening = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(descriptor, $0, length) == 0 && listen(descriptor, 16) == 0 && getsockname(descriptor, $0, &size) == 0
      }
    }
    guard isListening else { throw POSIXError(.EADDRNOTAVAIL) }
    port = Int32(UInt16(bigEndian: address.sin_port))
    self.topic = topic
    self.policy = policy
    Thread.detachNewThread { [self] in
      while case let connection = accept(descriptor, nil, nil), connection >= 0 {
        Thread.detachNewThread { [self] in serve(connection) }
      }
    }
  }

  /// Ends the thread that accepts, which holds this object.
  func stop() {
    shutdown(listener, Int32(SHUT_RDWR))
    Glibc.close(listener)
  }

  private func serve(_ connection: Int32) {
    defer { Glibc.close(connection) }
    while let head = read(4, connection), let request = read(Int(number(head, 0, 4)), connection), request.count >= 8 {
      var answer = Message()
      answer.append(Int32(truncatingIfNeeded: number(request, 4, 4)))
      switch (number(request, 0, 2), number(request, 2, 2)) {
      case (18, let version): answer.appendVersions(isFlexible: version >= 3)
      case (3, _): answer.appendMetadata(topic, port)
      case (32, _): answer.appendPolicy(policy, topic)
      default: return
      }
      var message = Message()
      message.append(Int32(answer.bytes.count))
      message.bytes += answer.bytes
      guard send(connection, message.bytes, message.bytes.count, Int32(MSG_NOSIGNAL)) > 0 else { return }
    }
  }

  private func read(_ count: Int, _ connection: Int32) -> [UInt8]? {
    var bytes = [UInt8](repeating: 0, count: min(count, 1 << 16))
    return recv(connection, &bytes, bytes.count, Int32(MSG_WAITALL)) == count ? bytes : nil
  }

  private func number(_ bytes: [UInt8], _ start: Int, _ count: Int) -> UInt32 {
    bytes[start..<start + count].reduce(0) { $0 << 8 | UInt32($1) }
  }

  private struct Message {
    var bytes: [UInt8] = []

    mutating func append<Value: FixedWidthInteger>(_ value: Value) {
      withUnsafeBytes(of: value.bigEndian) { bytes += $0 }
    }

    mutating func append(_ text: String?) {
      append(Int16(text?.utf8.count ?? -1))
      bytes += Array((text ?? "").utf8)
    }

    mutating func appendVersions(isFlexible: Bool) {
      let known: [(key: Int16, last: Int16)] = [(3, 1), (18, 3), (32, 0)]
      append(Int16(0))
      if isFlexible { append(UInt8(known.count + 1)) } else { append(Int32(known.count)) }
      for api in known {
        append(api.key)
        append(Int16(0))
        append(api.last)
        if isFlexible { append(UInt8(0)) }
      }
      if isFlexible {
        append(Int32(0))
        append(UInt8(0))
      }
    }

    mutating func appendMetadata(_ topic: String, _ port: Int32) {
      append(Int32(1))
      append(Int32(1))
      append("127.0.0.1")
      append(port)
      append(nil)
      append(Int32(1))
      append(Int32(1))
      append(Int16(0))
      append(topic)
      append(Int8(0))
      // One partition, with broker 1 as its leader, its only replica, and in sync.
      append(Int32(1))
      append(Int16(0))
      append(Int32(0))
      for value: Int32 in [1, 1, 1, 1, 1] { append(value) }
    }

    mutating func appendPolicy(_ policy: String?, _ topic: String) {
      append(Int32(0))
      append(Int32(1))
      // TOPIC_AUTHORIZATION_FAILED.
      append(Int16(policy == nil ? 29 : 0))
      append(nil)
      append(Int8(2))
      append(topic)
      guard let policy else { return append(Int32(0)) }
      append(Int32(2))
      for (name, value) in [("retention.ms", "-1"), ("cleanup.policy", policy)] {
        append(name)
        append(value)
        bytes += [0, 0, 0]
      }
    }
  }
}
