package import Change

/// Where a server listens.
package enum MariaDBAddress: Hashable, Sendable, CustomStringConvertible {
  case tcp(host: String, port: UInt16)
  case socket(path: String)

  /// `host:port`, or the socket's path: the place in failures.
  package var description: String {
    switch self {
    case .tcp(let host, let port): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    case .socket(let path): path
    }
  }

  /// Whether what is sent stays on this machine.
  package var isLocal: Bool {
    switch self {
    case .tcp(let host, _): host == "localhost" || host == "::1" || Self.isLoopback(host)
    case .socket: true
    }
  }

  /// A dotted quad in 127.0.0.0/8; `127.example.com` is somebody else's.
  private static func isLoopback(_ host: String) -> Bool {
    let parts = host.split(separator: ".", omittingEmptySubsequences: false)
    return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
  }

  /// Refuses what libmariadb would take for something other than one host (lists, connection strings) and NUL bytes.
  func validate() throws(Failure) {
    switch self {
    case .tcp(let host, _):
      let isHost = host.utf8.allSatisfy {
        (0x30...0x3a).contains($0) || (0x41...0x5a).contains($0) || (0x61...0x7a).contains($0)
          || [0x2d, 0x2e, 0x5f, 0x25].contains($0)
      }
      guard !host.isEmpty, isHost else {
        throw Failure(.configuration, "not a host name or an address: \"\(host)\"")
      }
    case .socket(let path):
      guard !path.isEmpty, !path.utf8.contains(0), path.utf8.count < 108 else {
        throw Failure(.configuration, "not a path for a unix socket (1 to 107 bytes): \"\(path)\"")
      }
    }
  }
}

package struct MariaDBCredentials: Hashable, Sendable {
  package var user: String
  package var password: Secret?

  package init(user: String, password: Secret? = nil) {
    self.user = user
    self.password = password
  }
}

package struct MariaDBTLS: Hashable, Sendable {
  package enum Mode: String, Sendable, CaseIterable {
    case disabled
    /// Encrypted, but to anybody.
    case required
    /// Encrypted, to a server whose certificate `ca` has signed.
    case verifyCA = "verify-ca"
    /// Encrypted, to a server whose certificate is valid for the host's name.
    case verifyIdentity = "verify-identity"
  }

  /// nil: nothing on this machine, `verifyIdentity` elsewhere.
  package var mode: Mode?
  /// Paths of PEM files.
  package var ca: String?
  package var certificate: String?
  package var key: String?

  package init(mode: Mode? = nil, ca: String? = nil, certificate: String? = nil, key: String? = nil) {
    self.mode = mode
    self.ca = ca
    self.certificate = certificate
    self.key = key
  }

  package func mode(for address: MariaDBAddress) -> Mode {
    mode ?? (address.isLocal && ca == nil && certificate == nil ? .disabled : .verifyIdentity)
  }
}

/// All that it takes to connect.
package struct MariaDBConnectionOptions: Sendable {
  package var address: MariaDBAddress
  package var credentials: MariaDBCredentials
  package var tls = MariaDBTLS()
  package var database: String?
  package var connectTimeoutSeconds: UInt32 = 10
  /// A server that is silent for longer is taken for gone. For a dump it must exceed the heartbeat period.
  package var readTimeoutSeconds: UInt32 = 60
  package var writeTimeoutSeconds: UInt32 = 60
  /// A larger packet breaks the connection rather than the memory limit.
  package var packetByteLimit = 1 << 30
  /// Whether a statement that changes rows answers with the rows that it found, changed or not (CLIENT_FOUND_ROWS).
  package var countsFoundRows = false
  /// Whether one text may hold several statements (CLIENT_MULTI_STATEMENTS). Only for texts whose every part is ours.
  package var allowsScripts = false
  /// Run in order after connecting.
  package var initCommands: [String] = []

  package init(address: MariaDBAddress, credentials: MariaDBCredentials) {
    self.address = address
    self.credentials = credentials
  }
}
