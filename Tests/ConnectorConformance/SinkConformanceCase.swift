import Testing

/// What every sink must do, one sentence a case; `SinkConformance` checks them.
package enum SinkConformanceCase: String, CaseIterable, Sendable, CustomTestStringConvertible {
  case changesOfAKeyApplyInOrder
  case everyTypeComesBackExactly
  case nothingIsVisibleBeforeItsCommit
  case aSinkResumesAtItsLastCommit
  case whatWasNotCommittedIsGone
  case twoOpensReturnTheSamePosition
  case aSecondWriterFencesTheFirst
  case aTransactionLargerThanMemoryStreamsThrough
  case emptyTransactionsMoveTheCheckpoint
  case tablesWithoutAKeyKeepTheirDuplicates
  case keysMayChangeAndSwap
  case schemaChangesReachTheTarget
  case absentValuesStayAsTheyAre
  case hostileNamesAreOnlyNames
  case everyChangeIsAccountedFor
  case aPipelineDrainsIntoTheTarget
  case aPipelineResumesExactlyOnce
  case cancellationReachesABlockedWriter

  package var testDescription: String { rawValue }
}
