import CMariaDB
import Change
import Glibc

extension MariaDBConnection {
  /// libmariadb's own initialization is not safe to run twice at once; a static is initialized once.
  private static let isLibraryReady = mysql_server_init(0, nil, nil) == 0

  static func connected(
    _ options: MariaDBConnectionOptions, at place: String
  ) throws(Failure) -> UnsafeMutablePointer<MYSQL> {
    try validate(options)
    guard isLibraryReady, let handle = mysql_init(nil) else {
      throw Failure(.internal, "cannot initialize libmariadb", at: place)
    }
    do throws(Failure) {
      try configure(handle, options)
      try connect(handle, options, at: place)
      return handle
    } catch {
      mysql_close(handle)
      throw error.at(place)
    }
  }

  private static func validate(_ options: MariaDBConnectionOptions) throws(Failure) {
    try options.address.validate()
    let texts = [options.credentials.user, options.credentials.password?.reveal(), options.database]
    guard texts.allSatisfy({ $0.map { !$0.utf8.contains(0) } ?? true }) else {
      throw Failure(.configuration, "a user, a password or a database holds a NUL byte")
    }
    if options.tls.mode(for: options.address) == .verifyCA, options.tls.ca == nil {
      throw Failure(.configuration, "tls `verify-ca` needs `ca`", hint: "name the PEM file of the authority to trust")
    }
  }

  private static func configure(
    _ handle: UnsafeMutablePointer<MYSQL>, _ options: MariaDBConnectionOptions
  ) throws(Failure) {
    var result: Int32 = 0
    func set(_ option: mysql_option, _ value: UInt32) {
      result |= freshet_mysql_option_uint(handle, Int32(option.rawValue), value)
    }
    func set(_ option: mysql_option, _ value: String) {
      result |= freshet_mysql_option_string(handle, Int32(option.rawValue), value)
    }
    set(MYSQL_OPT_CONNECT_TIMEOUT, options.connectTimeoutSeconds)
    set(MYSQL_OPT_READ_TIMEOUT, options.readTimeoutSeconds)
    set(MYSQL_OPT_WRITE_TIMEOUT, options.writeTimeoutSeconds)
    set(MYSQL_SET_CHARSET_NAME, "utf8mb4")
    // A server could ask for any file of this machine.
    set(MYSQL_OPT_LOCAL_INFILE, 0)
    result |= freshet_mysql_option_bool(handle, Int32(MYSQL_OPT_RECONNECT.rawValue), 0)
    result |= freshet_mysql_option_size(
      handle, Int32(MYSQL_OPT_MAX_ALLOWED_PACKET.rawValue), options.packetByteLimit)
    // Without this, "localhost" would be a socket.
    switch options.address {
    case .tcp: set(MYSQL_OPT_PROTOCOL, MYSQL_PROTOCOL_TCP.rawValue)
    case .socket: set(MYSQL_OPT_PROTOCOL, MYSQL_PROTOCOL_SOCKET.rawValue)
    }
    let mode = options.tls.mode(for: options.address)
    if mode != .disabled {
      result |= freshet_mysql_option_bool(handle, Int32(MYSQL_OPT_SSL_ENFORCE.rawValue), 1)
      result |= freshet_mysql_option_bool(
        handle, Int32(MYSQL_OPT_SSL_VERIFY_SERVER_CERT.rawValue), mode == .verifyIdentity ? 1 : 0)
      if let ca = options.tls.ca, mode != .required { set(MYSQL_OPT_SSL_CA, ca) }
      if let certificate = options.tls.certificate { set(MYSQL_OPT_SSL_CERT, certificate) }
      if let key = options.tls.key { set(MYSQL_OPT_SSL_KEY, key) }
    }
    if mode == .disabled || mode == .required, !options.address.isLocal {
      // A server that proved nothing must not get a password in clear text.
      set(MARIADB_OPT_RESTRICTED_AUTH, "mysql_native_password,client_ed25519,caching_sha2_password,sha256_password")
    }
    guard result == 0 else { throw Failure(.internal, "libmariadb refused a connection option") }
  }

  private static func connect(
    _ handle: UnsafeMutablePointer<MYSQL>, _ options: MariaDBConnectionOptions, at place: String
  ) throws(Failure) {
    var host: String?
    var port: UInt32 = 0
    var socket: String?
    switch options.address {
    case .tcp(let name, let number): (host, port) = (name, UInt32(number))
    case .socket(let path): socket = path
    }
    let credentials = options.credentials
    var flags: UInt = 0
    if options.countsFoundRows { flags |= UInt(CLIENT_FOUND_ROWS) }
    if options.allowsScripts { flags |= UInt(CLIENT_MULTI_STATEMENTS) }
    let connected = mysql_real_connect(
      handle, host, credentials.user, credentials.password?.reveal() ?? "", options.database, port, socket, flags)
    guard connected != nil else {
      throw MariaDBError(
        number: mysql_errno(handle), sqlState: String(cString: mysql_sqlstate(handle)),
        message: String(cString: mysql_error(handle))
      ).failure("cannot connect as user \"\(credentials.user)\"", at: place)
    }
    // A library or a middleman that fell back to clear text is found out here, before the first statement.
    if options.tls.mode(for: options.address) != .disabled, mysql_get_ssl_cipher(handle) == nil {
      throw Failure(
        .authentication, "the connection is not encrypted, though tls is required", at: place,
        hint: "switch on TLS at the server, or set `tls: disabled` where the network is trusted")
    }
    if case .tcp = options.address { keepAlive(mysql_get_socket(handle)) }
  }

  /// Lets a host that is gone be noticed in a minute and a half while its answer is waited for: a statement may take as long
  /// as the read timeout says, which is hours for some.
  private static func keepAlive(_ socket: Int32) {
    let settings: [(level: Int32, option: Int32, value: Int32)] = [
      (SOL_SOCKET, SO_KEEPALIVE, 1), (Int32(IPPROTO_TCP), TCP_KEEPIDLE, 30), (Int32(IPPROTO_TCP), TCP_KEEPINTVL, 10),
      (Int32(IPPROTO_TCP), TCP_KEEPCNT, 6),
    ]
    for setting in settings {
      var value = setting.value
      // Where the system does not take it, the read timeout is what is left.
      setsockopt(socket, setting.level, setting.option, &value, socklen_t(MemoryLayout<Int32>.size))
    }
  }
}
