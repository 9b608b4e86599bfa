package session

import "errors"

// Errors of all parties.
var (
	// ErrConfig means a setting that cannot be.
	ErrConfig = errors.New("wrong setting")
	// ErrLedger means a ledger that could not be written, or is another party's: open it again, or the right one.
	ErrLedger = errors.New("ledger unusable")
	// ErrSession means a session that is unknown, not open, or too near its end.
	ErrSession = errors.New("session not usable")
	// ErrLane means a message for another lane, node or router.
	ErrLane = errors.New("another lane's")
	// ErrKey means a key that is not the session's present one.
	ErrKey = errors.New("not the session's present key")
	// ErrStale means a voucher below one that is known already.
	ErrStale = errors.New("a later voucher is known")
	// ErrConflict means two vouchers that contradict each other.
	ErrConflict = errors.New("vouchers contradict each other")
	// ErrBusy means more at once than is kept.
	ErrBusy = errors.New("too many at once")
	// ErrNeeded means a session that cannot be forgotten yet.
	ErrNeeded = errors.New("its records are still needed")
)

// Errors of the customer.
var (
	// ErrQuarantined means a lane whose node broke the rules: nothing is asked of it or paid to it any more.
	ErrQuarantined = errors.New("lane in quarantine")
	// ErrUnknownCall means a nonce that is not an open call's.
	ErrUnknownCall = errors.New("no open call has this nonce")
	// ErrContradiction means a node whose receipts contradict those that it gave before.
	ErrContradiction = errors.New("the node contradicts its own receipts")
	// ErrResponse means a receipt for another answer than the one that came.
	ErrResponse = errors.New("receipt for another answer")
	// ErrOvercharge means a receipt over more than the stream told.
	ErrOvercharge = errors.New("the receipt asks for more than was told")
	// ErrCosign means a voucher that its router does not sign now. The reason is wrapped with it; another router of the session
	// has a lane of its own.
	ErrCosign = errors.New("the router does not co-sign")
	// ErrLost means a ledger that lacks its end: the node holds what it should know.
	ErrLost = errors.New("the ledger lost its end")
)

// Errors of the node.
var (
	// ErrNonce means a nonce that was used, or given up.
	ErrNonce = errors.New("nonce used or void")
	// ErrPrice means a call that the node does not serve at this price, or that has used up its maximum price.
	ErrPrice = errors.New("maximum price too low")
	// ErrCredit means that the lane has to pay before more is delivered.
	ErrCredit = errors.New("a voucher is due")
	// ErrCover means a router whose cover is used up by vouchers that are not redeemed yet.
	ErrCover = errors.New("above the router's cover")
	// ErrRoot means a voucher over receipts that the node did not sign.
	ErrRoot = errors.New("voucher over other receipts")
	// ErrCallOver means a call that has ended.
	ErrCallOver = errors.New("the call is over")
)

// Errors of the router.
var (
	// ErrAllotment means a voucher above what the session's owner allotted to the router.
	ErrAllotment = errors.New("above the allotment")
	// ErrSealed means a session that was seen closing: nothing is co-signed in it again.
	ErrSealed = errors.New("the session is closing")
)
