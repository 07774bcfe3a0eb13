import Testing

/// What every source must do, one sentence a case; `SourceConformance` checks them.
package enum SourceConformanceCase: String, CaseIterable, Sendable, CustomTestStringConvertible {
  case everythingComesInLogOrder
  case theRunEndsAtTheLogsEndOfItsStart
  case aRunCutAfterAnyBatchResumesExactly
  case aSourceStartsAtTheSmallestCheckpoint
  case checkpointsTellWhatIsCovered
  case aSlowReceiverHoldsTheSourceBack
  case stopEndsTheRunAndKeepsWhatWasSent
  case cancellationReachesASourceThatWaitsForMore
  case cancellationReachesASourceThatIsHeldBack
  case watermarksArePromises

  package var testDescription: String { rawValue }
}
