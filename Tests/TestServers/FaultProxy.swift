package import Change
import Glibc
import PrivateServers
import Synchronization

/// A TCP relay that breaks connections the way networks do. Listens on a free port of the loopback.
///
/// Thread: the commands from any; each relayed direction has a thread of its own.
package final class FaultProxy: Sendable {
  package let port: UInt16
  private let listener: Int32
  private let shared: Shared

  /// - Parameter seed: decides the jitter of the latency, so that a failed run can be repeated.
  package init(target: UInt16, seed: UInt64 = 1) throws(Failure) {
    let socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    guard socket >= 0, let port = Loopback.listen(socket) else {
      throw Failure(.inputOutput, "cannot listen for a fault proxy", cause: String(cString: strerror(errno)))
    }
    self.port = port
    listener = socket
    let shared = Shared(target: target, seed: seed)
    self.shared = shared
    Loopback.detachThread { Self.accept(socket, shared) }
  }

  deinit {
    cut()
    shutdown(listener, Int32(SHUT_RDWR))
    close(listener)
  }

  /// Nothing passes any more, in either direction, while the connections stay open: a half-open network.
  package func stall() { shared.rules.withLock { $0.isStalled = true } }

  /// Breaks every connection with a reset.
  package func cut() { shared.cut() }

  /// Breaks each connection with a reset once this many more bytes came from the target, all connections together.
  package func cut(afterBytes count: Int) { shared.rules.withLock { $0.remainingBytes = count } }

  /// Breaks with a reset the one connection over which the target answers next; the answer is lost.
  package func cutNextAnswer() {
    shared.rules.withLock { rules in
      rules.remainingBytes = 0
      rules.cutsOne = true
    }
  }

  /// Each piece of data waits for this long and up to a tenth more.
  package func delay(milliseconds: UInt32) { shared.rules.withLock { $0.latencyMilliseconds = milliseconds } }

  /// New connections are reset at once.
  package func refuse() { shared.rules.withLock { $0.isRefusing = true } }

  /// Everything passes again; connections that were cut stay cut.
  package func heal() {
    shared.rules.withLock { rules in
      rules.isStalled = false
      rules.isRefusing = false
      rules.remainingBytes = nil
      rules.latencyMilliseconds = 0
    }
  }

  /// How many connections are open through the proxy.
  package var connectionCount: Int { shared.rules.withLock { $0.pairs.count } }

  private static func accept(_ listener: Int32, _ shared: Shared) {
    while true {
      let client = Glibc.accept(listener, nil, nil)
      if client < 0 { return }
      guard !shared.rules.withLock({ $0.isRefusing }), let server = Loopback.connect(shared.target) else {
        Loopback.reset(client)
        close(client)
        continue
      }
      let pair = Pair(client: client, server: server)
      shared.rules.withLock { $0.pairs.append(pair) }
      Loopback.detachThread { shared.relay(pair, from: client, to: server, isFromTarget: false) }
      Loopback.detachThread { shared.relay(pair, from: server, to: client, isFromTarget: true) }
    }
  }
}

/// Two connected sockets, closed when both relaying threads have let go of them.
private final class Pair: Sendable {
  let client: Int32
  let server: Int32
  let endedDirections = Mutex(0)

  init(client: Int32, server: Int32) {
    self.client = client
    self.server = server
  }

  deinit {
    close(client)
    close(server)
  }

  /// Both ends see a reset (RST) when the sockets close; the shutdown wakes the threads that hold them.
  func breakOff() {
    Loopback.reset(client)
    Loopback.reset(server)
    shutdown(client, Int32(SHUT_RD))
    shutdown(server, Int32(SHUT_RD))
  }
}

private final class Shared: Sendable {
  struct Rules {
    var isStalled = false
    var isRefusing = false
    var remainingBytes: Int?
    /// Whether only the connection breaks that has used the remaining bytes up.
    var cutsOne = false
    var latencyMilliseconds: UInt32 = 0
    var random: UInt64
    var pairs: [Pair] = []
  }

  let target: UInt16
  let rules: Mutex<Rules>

  init(target: UInt16, seed: UInt64) {
    self.target = target
    rules = Mutex(Rules(random: seed | 1))
  }

  func cut() {
    let pairs = rules.withLock { rules in
      defer { rules.pairs = [] }
      return rules.pairs
    }
    for pair in pairs { pair.breakOff() }
  }

  private func cut(orOnly pair: Pair) {
    let isAlone = rules.withLock { rules in
      guard rules.cutsOne else { return false }
      rules.cutsOne = false
      rules.remainingBytes = nil
      rules.pairs.removeAll { $0 === pair }
      return true
    }
    if isAlone { pair.breakOff() } else { cut() }
  }

  /// Copies one direction until an end closes or the pair is cut.
  func relay(_ pair: Pair, from source: Int32, to sink: Int32, isFromTarget: Bool) {
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 65536, alignment: 16)
    defer { buffer.deallocate() }
    while true {
      let count = recv(source, buffer.baseAddress, buffer.count, 0)
      guard count > 0, let allowed = admit(pair, count, isFromTarget: isFromTarget) else { break }
      var sent = 0
      while sent < allowed {
        let result = send(sink, buffer.baseAddress.map { $0 + sent }, allowed - sent, Int32(MSG_NOSIGNAL))
        if result <= 0 { return end(pair, sink) }
        sent += result
      }
      if allowed < count {
        cut(orOnly: pair)
        break
      }
    }
    end(pair, sink)
  }

  /// Waits as the rules say, and returns how many bytes may pass; nil when the pair was cut meanwhile.
  private func admit(_ pair: Pair, _ count: Int, isFromTarget: Bool) -> Int? {
    let delay = rules.withLock { rules -> UInt32 in
      // xorshift64
      rules.random ^= rules.random << 13
      rules.random ^= rules.random >> 7
      rules.random ^= rules.random << 17
      let tenth = UInt64(rules.latencyMilliseconds / 10 + 1)
      return rules.latencyMilliseconds == 0 ? 0 : rules.latencyMilliseconds + UInt32(rules.random % tenth)
    }
    if delay > 0 { usleep(delay * 1000) }
    while true {
      let (isStalled, isOpen) = rules.withLock { ($0.isStalled, $0.pairs.contains { $0 === pair }) }
      if !isOpen { return nil }
      if !isStalled { break }
      usleep(5000)
    }
    guard isFromTarget else { return count }
    return rules.withLock { rules in
      guard let remaining = rules.remainingBytes else { return count }
      let allowed = min(count, remaining)
      rules.remainingBytes = remaining - allowed
      return allowed
    }
  }

  /// Passes the end of one direction on; the pair is over when both have ended.
  private func end(_ pair: Pair, _ sink: Int32) {
    shutdown(sink, Int32(SHUT_WR))
    let ended = pair.endedDirections.withLock { count in
      count += 1
      return count
    }
    if ended == 2 { rules.withLock { $0.pairs.removeAll { $0 === pair } } }
  }
}
