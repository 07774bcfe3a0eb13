import Glibc

/// An open file or directory; closed when it goes out of scope.
///
/// An error of `close` is not looked at: whatever has to be durable was synced, with its error seen, before.
package struct Descriptor: ~Copyable {
  package let number: Int32

  package init(_ number: Int32) { self.number = number }

  deinit { _ = close(number) }
}
