package proof

import "errors"

var (
	// ErrSize means an inner dimension that the task does not have.
	ErrSize = errors.New("matrix size out of range")
	// ErrRounds means a number of rounds that no commitment may have.
	ErrRounds = errors.New("number of rounds out of range")
	// ErrKind means a task that this software does not know.
	ErrKind = errors.New("unknown kind of task")
	// ErrLength means a proof that is not as long as its commitment and sample ask for.
	ErrLength = errors.New("proof of the wrong length")
	// ErrPath means an opening that does not lead to the committed root.
	ErrPath = errors.New("opening does not belong to the commitment")
	// ErrLeaf means that a committed digest is not the one of its tile: the work
	// was not done.
	ErrLeaf = errors.New("wrong tile digest")
)
