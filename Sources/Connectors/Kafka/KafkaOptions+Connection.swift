import Change
import KafkaClient
import Pipeline

extension KafkaOptions {
  /// Reads how to reach and trust the brokers. What a user passes on to librdkafka comes first, so that it replaces nothing.
  static func readConnection(_ block: OptionBlock, _ settings: inout KafkaSettings) throws(Failure) {
    for entry in try entries("properties", block.node("properties")) {
      if let hint = RefusedProperty.hint(for: entry.key) {
        throw Failure(
          .configuration, "the property \(NearestName.quoted(entry.key)) cannot be set", at: entry.keyPlace, hint: hint)
      }
      guard let text = entry.value.text else {
        throw Failure(.configuration, "a property must be a text", at: entry.value.place)
      }
      settings.properties.set(entry.key, text)
    }
    do throws(KafkaError) {
      try KafkaProperties.check(settings.properties)
    } catch {
      throw Failure(.configuration, error.message, at: block.place(of: "properties"))
    }
    let isEncrypted = try readEncryption(block, &settings)
    let isLogin = readLogin(block, &settings)
    let security = isLogin ? (isEncrypted ? "sasl_ssl" : "sasl_plaintext") : (isEncrypted ? "ssl" : "plaintext")
    settings.connection.set("security.protocol", security)
  }

  private static func readEncryption(
    _ block: OptionBlock, _ settings: inout KafkaSettings
  ) throws(Failure) -> Bool {
    guard let tls = block.block("tls") else {
      guard block.boolean("tls") == true else { return false }
      settings.connection.set("ssl.endpoint.identification.algorithm", "https")
      return true
    }
    if let ca = tls.string("ca") { settings.connection.set("ssl.ca.location", ca) }
    if let certificate = tls.string("certificate") {
      settings.connection.set("ssl.certificate.location", certificate)
    }
    if let key = tls.string("key") { settings.connection.set("ssl.key.location", key) }
    if let password = tls.string("key_password") { settings.connection.set("ssl.key.password", Secret(password)) }
    guard tls.has("certificate") == tls.has("key") else {
      throw Failure(.configuration, "\"certificate\" and \"key\" belong together", at: tls.place)
    }
    let isInsecure = tls.boolean("insecure") ?? false
    settings.connection.set("ssl.endpoint.identification.algorithm", isInsecure ? "none" : "https")
    settings.connection.set("enable.ssl.certificate.verification", isInsecure ? "false" : "true")
    return true
  }

  private static func readLogin(_ block: OptionBlock, _ settings: inout KafkaSettings) -> Bool {
    guard let sasl = block.block("sasl") else { return false }
    settings.connection.set("sasl.mechanisms", sasl.string("mechanism") ?? "")
    settings.connection.set("sasl.username", Secret(sasl.string("username") ?? ""))
    settings.connection.set("sasl.password", Secret(sasl.string("password") ?? ""))
    return true
  }
}
