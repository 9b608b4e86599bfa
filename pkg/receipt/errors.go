package receipt

import "errors"

// What is wrong with a value's bytes or fields.
var (
	// ErrLength means bytes that are cut off, or that go on behind the value.
	ErrLength = errors.New("wrong length")
	// ErrText means text that is not the one spelling of an id, an address or a signature.
	ErrText = errors.New("malformed text")
	// ErrKey means bytes that are no compressed secp256k1 public key, or a PublicKey that was never parsed.
	ErrKey = errors.New("no compressed secp256k1 public key")
	// ErrLane means a lane without a node.
	ErrLane = errors.New("lane without a node")
	// ErrKeyID means key id 0: a session's first key has 1.
	ErrKeyID = errors.New("key id out of range")
	// ErrApp means a name that no app can have.
	ErrApp = errors.New("malformed app name")
	// ErrStatus means a status that this software does not know.
	ErrStatus = errors.New("unknown status")
	// ErrNumber means an amount, time or measure above MaxNumber.
	ErrNumber = errors.New("number out of range")
	// ErrCount means more receipts than a lane's tree can have.
	ErrCount = errors.New("number of receipts out of range")
	// ErrRoot means a root that contradicts the number of receipts.
	ErrRoot = errors.New("root does not fit the count")
)

// What is wrong between a receipt or voucher and those who are to keep it.
var (
	// ErrPrice means a receipt that asks for more than its request allows.
	ErrPrice = errors.New("amount above the maximum price")
	// ErrTime means a call that finished before it started.
	ErrTime = errors.New("finished before it started")
	// ErrFailed means a failed call that costs something.
	ErrFailed = errors.New("a failed call costs nothing")
	// ErrRequest means a receipt for another request than the one that was sent.
	ErrRequest = errors.New("receipt for another request")
	// ErrNode means a key that is not the node's of the lane.
	ErrNode = errors.New("not the node's key")
	// ErrRouter means a key that is not the router's of the lane, or a router's signature where there is no router.
	ErrRouter = errors.New("not the router's key")
	// ErrVoucher means a receipt and a voucher of different lanes, or a voucher that does not reach to the receipt.
	ErrVoucher = errors.New("voucher does not cover the receipt")
)

// Whose signature does not verify. All three also mean a signature that is not in the chain's form: 64 bytes with low S.
var (
	ErrSessionSignature = errors.New("wrong signature of the session key")
	ErrNodeSignature    = errors.New("wrong signature of the node")
	ErrRouterSignature  = errors.New("wrong signature of the router")
	// ErrSigner means a Signer whose answer is not a signature in the chain's form.
	ErrSigner = errors.New("unusable signature from the signer")
)

// What is wrong with a tree or a path.
var (
	// ErrFull means a tree that has MaxCount receipts.
	ErrFull = errors.New("tree is full")
	// ErrIndex means a place that a tree of that size does not have.
	ErrIndex = errors.New("index outside the tree")
	// ErrPathLength means a path that is not as long as its place in the tree asks for.
	ErrPathLength = errors.New("path of the wrong length")
	// ErrPath means a path that does not lead from the receipt to the root.
	ErrPath = errors.New("path does not lead to the root")
)
