package import Change
import Glibc

/// A TCP port of the loopback that nobody listens on at this moment.
package enum FreePort {
  package static func find() throws(Failure) -> UInt16 {
    let socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(socket) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let result = withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
        bind(socket, generic, length) | getsockname(socket, generic, &length)
      }
    }
    guard socket >= 0, result == 0 else {
      throw Failure(.inputOutput, "cannot find a free port", cause: String(cString: strerror(errno)))
    }
    return UInt16(bigEndian: address.sin_port)
  }
}
