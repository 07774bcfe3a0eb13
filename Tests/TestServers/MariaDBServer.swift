@_exported public import PrivateServers

/// The private server, under the name that tests know.
package typealias MariaDBServer = PrivateMariaDB
