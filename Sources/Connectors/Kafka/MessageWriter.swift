import Change
import Flow
import KafkaClient
import Logging

/// Messages and the transaction around them: begins one with the first message, waits where the broker is slow or away,
/// and turns every error into what follows from it.
///
/// *Thread*: the sink's; calls block on it, and look every few milliseconds whether the task was cancelled.
/// *Back-pressure*: librdkafka's queue is bounded; when it is full, `send` waits until the broker has taken some of it.
/// *Errors*: after a throw the transaction is lost, and `close` gives it up at the broker.
final class MessageWriter {
  /// Between two looks at what has happened, in milliseconds.
  private static let pause: Int32 = 5
  private static let step = 50
  /// How long `close` tries to end an open transaction, in nanoseconds.
  private static let closeLimit: UInt64 = 3_000_000_000
  /// Bytes from which on a transaction that has outlived its time has done so by its size.
  private static let largeTransaction = 128 << 20

  let producer: KafkaProducer
  let isTransactional: Bool
  /// The broker ends a transaction that is older, in nanoseconds.
  private let transactionTimeout: UInt64
  private let place: String
  private let logger: Logger
  // Touched for each message, by one thread: no run-time check is needed.

  /// When the open transaction began; nil: none is open.
  @exclusivity(unchecked) private var began: UInt64?
  /// Bytes of the open transaction.
  @exclusivity(unchecked) private(set) var transactionBytes = 0
  private var lastReport: UInt64 = 0
  /// When a broker was last said to be away; 0: never.
  private var lastNotice: UInt64 = 0

  init(
    _ properties: KafkaProperties, transactionTimeout: UInt64?, place: String, logger: Logger
  ) throws(Failure) {
    do {
      producer = try KafkaProducer(properties)
    } catch {
      throw error.failure("set the client up", at: place)
    }
    isTransactional = transactionTimeout != nil
    self.transactionTimeout = transactionTimeout ?? .max
    self.place = place
    self.logger = logger
  }

  /// Registers the transactional id, which fences every older writer and ends what it left open.
  func open(timeout: UInt64) throws {
    guard isTransactional else { return }
    let deadline = MonotonicTime.now() &+ timeout
    while let error = producer.initTransactions(milliseconds: 500) {
      try listen()
      try Task.checkCancellation()
      guard error.isRetriable, MonotonicTime.now() < deadline else {
        throw error.failure("claim the transactional id", at: place)
      }
    }
  }

  /// Hands over a copy of a message. Waits while the client's queue is full.
  @inline(__always)
  func send(_ topic: TargetTopic, partition: Int32, key: RawSpan?, value: RawSpan?) throws {
    if began == nil { try begin() }
    transactionBytes += (key?.byteCount ?? 0) + (value?.byteCount ?? 0)
    while let error = producer.produce(topic.topic, partition: partition, key: key, value: value) {
      try wait(error, topic, bytes: value?.byteCount ?? 0)
    }
  }

  /// - Parameter timestamp: milliseconds since 1970; 0: now.
  func send(
    _ topic: TargetTopic, partition: Int32, key: RawSpan?, value: RawSpan?, headers: consuming KafkaHeaders,
    timestamp: Int64
  ) throws {
    if began == nil { try begin() }
    transactionBytes += (key?.byteCount ?? 0) + (value?.byteCount ?? 0) + headers.byteCount
    while let error = producer.produce(
      topic.topic, partition: partition, key: key, value: value, headers: &headers, timestamp: timestamp)
    {
      try wait(error, topic, bytes: value?.byteCount ?? 0)
    }
  }

  @inline(never)
  private func begin() throws {
    began = MonotonicTime.now()
    transactionBytes = 0
    guard isTransactional, let error = producer.beginTransaction() else { return }
    began = nil
    throw failure(error, "begin a transaction")
  }

  /// Waits for room in the client's queue.
  @inline(never)
  private func wait(_ error: KafkaError, _ topic: TargetTopic, bytes: Int) throws {
    guard error.kind == .queueFull else { throw failure(error, "send to topic \"\(topic.name)\"") }
    guard producer.unreported > 0 else {
      throw Failure(
        .limit, "a message of \(bytes) bytes does not fit the client's queue", at: "topic \"\(topic.name)\", \(place)",
        hint: "raise the pipeline's `limits: { memory: … }`")
    }
    producer.poll(milliseconds: MessageWriter.pause)
    try check()
  }

  /// Gives the memory of acknowledged messages back; to be called every some dozens of messages.
  func poll() { producer.poll(milliseconds: 0) }

  /// Takes in what has happened meanwhile: failed deliveries, a fatal error, a transaction that has grown too old.
  func check() throws {
    try listen()
    try Task.checkCancellation()
    if let report = producer.takeFailure() { throw failure(report) }
    if let error = producer.fatalError { throw failure(error, "write") }
    if isTransactional, let began, MonotonicTime.now() &- began > transactionTimeout { throw tooOld }
  }

  /// Waits until every message is acknowledged.
  func flush() throws {
    while !producer.flush(milliseconds: MessageWriter.step) { try check() }
    try check()
  }

  /// Makes what was sent since the last commit visible, all at once. Everything must have been flushed.
  func commit() throws {
    defer { if began != nil, !isTransactional { began = nil } }
    guard isTransactional, let began else { return }
    // The broker ends the transaction of its own accord by then, and says so when it is asked again.
    let deadline = began &+ transactionTimeout &+ 10_000_000_000
    while let error = producer.commitTransaction(milliseconds: 500) {
      try listen()
      guard error.isRetriable, !error.isFatal, !error.requiresAbort else {
        throw failure(error, "commit a transaction")
      }
      try Task.checkCancellation()
      guard MonotonicTime.now() < deadline else {
        throw Failure(
          .unreachable, "the outcome of a commit is not known", at: place,
          hint: "the next attempt reads the checkpoint, which tells it", cause: error.description)
      }
    }
    self.began = nil
  }

  /// Gives an open transaction up, so that readers need not wait for the broker to do so.
  ///
  /// Not while a request is on its way: it would arrive behind the transaction's end. Then the transaction stays open until
  /// the transactional id is registered anew, with a higher epoch, which also refuses what arrives late.
  func close() {
    defer { began = nil }
    guard isTransactional, began != nil, producer.fatalError == nil else { return }
    producer.purgeQueue()
    let deadline = MonotonicTime.now() &+ MessageWriter.closeLimit
    while !producer.flush(milliseconds: MessageWriter.step) {
      guard MonotonicTime.now() < deadline else { return leave("\(producer.unreported) messages have no report") }
    }
    while let error = producer.abortTransaction(milliseconds: 500) {
      guard error.isRetriable, MonotonicTime.now() < deadline else { return leave("\(error)") }
    }
  }

  /// The attempt to abort ends nothing while messages are on their way. It keeps librdkafka from registering partitions of
  /// the transaction while it is torn down, which version 2.0.2 may answer by aborting the process.
  private func leave(_ cause: String) {
    _ = producer.abortTransaction(milliseconds: 1)
    logger.info(
      "an open transaction is left to the next writer, or to the broker, to end", metadata: ["cause": "\(cause)"])
  }

  /// Reports what librdkafka says of its connections, seldom; a refused login is a failure.
  private func listen() throws(Failure) {
    for notice in producer.takeNotices() {
      if notice.kind == .authentication { throw notice.failure("connect to the brokers", at: place) }
      let now = MonotonicTime.now()
      lastNotice = now
      guard lastReport == 0 || now &- lastReport > 10_000_000_000 else { continue }
      lastReport = now
      logger.warning("a broker is not there; messages wait", metadata: ["cause": "\(notice)"])
    }
  }

  private func failure(_ report: KafkaProducer.DeliveryFailure) -> Failure {
    if let fatal = producer.fatalError { return failure(fatal, "write") }
    let count = report.count == 1 ? "a message" : "\(report.count) messages"
    var failure = report.error.failure(
      "deliver \(count), one of them of \(report.size) bytes", at: "topic \"\(report.topic)\", \(place)")
    if failure.code == .fenced { failure = fenced(report.error) }
    return failure
  }

  private func failure(_ error: KafkaError, _ attempt: String) -> Failure {
    // A delivery that has failed makes every later call of the transaction fail: it is what a person must know.
    producer.poll(milliseconds: 0)
    if let report = producer.takeFailure() { return failure(report) }
    let cause = producer.fatalError ?? error
    return cause.kind == .fenced ? fenced(cause) : cause.failure(attempt, at: place)
  }

  /// Another writer has taken over, unless the transaction is so old that the broker has ended it: both read the same.
  private func fenced(_ error: KafkaError) -> Failure {
    if let began, MonotonicTime.now() &- began >= transactionTimeout { return tooOld }
    return error.failure("write: another writer has taken over", at: place)
  }

  /// A transaction that was held up can succeed another time; one that is too large cannot.
  private var tooOld: Failure {
    let seconds = transactionTimeout / 1_000_000_000
    let message = "a Kafka transaction of \(transactionBytes) bytes did not end within its \(seconds) s"
    if let began, lastNotice < began, transactionBytes > MessageWriter.largeTransaction {
      return Failure(
        .limit, message, at: place,
        hint: "raise transaction_timeout; the broker allows up to its transaction.max.timeout.ms, 15 minutes by default"
      )
    }
    return Failure(
      .unreachable, message, at: place,
      hint: "the brokers, or this process, stood still for so long; the next attempt begins at the checkpoint")
  }
}
