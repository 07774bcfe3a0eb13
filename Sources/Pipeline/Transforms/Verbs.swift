/// The verbs that `transforms:` knows, in the order in which they are listed.
package enum Verbs {
  package static let all: [any Verb] = [
    Only(), Filter(), Compute(), Cast(), Flatten(), Project(), Mask(), Outbox(), Route(),
  ]
}
