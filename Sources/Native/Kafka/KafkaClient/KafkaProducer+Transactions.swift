import CRdKafka

/// Transactions as KIP-98 has them. Each call blocks up to its time limit and may be made again after a retriable error.
extension KafkaProducer {
  /// Registers the transactional id: fences its older producers and ends what they left open.
  package func initTransactions(milliseconds: Int32) -> KafkaError? {
    let error = KafkaError(consuming: unsafe rd_kafka_init_transactions(handle.client, milliseconds))
    poll(milliseconds: 0)
    return error
  }

  package func beginTransaction() -> KafkaError? {
    KafkaError(consuming: unsafe rd_kafka_begin_transaction(handle.client))
  }

  /// Commits what was produced since the transaction began. Everything must be acknowledged: see `flush`.
  package func commitTransaction(milliseconds: Int32) -> KafkaError? {
    let error = KafkaError(consuming: unsafe rd_kafka_commit_transaction(handle.client, milliseconds))
    poll(milliseconds: 0)
    return error
  }

  /// Gives the transaction up. Every message must have had its report: one that arrives later would lie behind the
  /// transaction's end, and begin another one that nobody ends.
  package func abortTransaction(milliseconds: Int32) -> KafkaError? {
    let error = KafkaError(consuming: unsafe rd_kafka_abort_transaction(handle.client, milliseconds))
    poll(milliseconds: 0)
    return error
  }
}
