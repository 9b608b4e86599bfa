package receipt

// Lane is what everything cumulative belongs to: one session's calls to one node through one router. It can be a map's
// key.
type Lane struct {
	Session SessionID `json:"session"`
	Router  Address   `json:"router"` // the zero address: the customer calls the node without a router
	Node    Address   `json:"node"`
}

// Validate refuses a lane without a node with ErrLane.
func (l Lane) Validate() error {
	if l.Node.IsZero() {
		return ErrLane
	}
	return nil
}

// Routed says whether the lane has a router.
func (l Lane) Routed() bool { return !l.Router.IsZero() }
