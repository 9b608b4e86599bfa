package gateway

import (
	"sync"

	"github.com/edgematrix/emc/router/apikey"
)

// money is what one call takes of its key.
type money struct {
	keys *apikey.Store
	key  string
	most uint64

	mu       sync.Mutex
	reserved uint64
	over     bool
}

// reserve raises the reservation to an amount. After the end nothing can be reserved: nobody would settle it.
func (m *money) reserve(amount uint64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.over:
		return &Error{Kind: Invalid, Words: "The call is over."}
	case amount > m.most:
		return &Error{Kind: Price, Words: "The call may cost more than you allow."}
	case amount <= m.reserved:
		return nil
	}
	if err := m.keys.Reserve(m.key, amount-m.reserved); err != nil {
		return err
	}
	m.reserved = amount
	return nil
}

// abandon settles a call of which nobody knows what it cost, such as one in a panic: by all that it may have. After settle it
// does nothing.
func (m *money) abandon() {
	m.mu.Lock()
	reserved := m.reserved
	m.mu.Unlock()
	_ = m.settle(reserved) // what cannot be written stays reserved, which is as safe
}

// settle ends the reservation. Called again it does nothing.
func (m *money) settle(charged uint64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.over {
		return nil
	}
	m.over = true
	if m.reserved == 0 && charged == 0 {
		return nil
	}
	return m.keys.Settle(m.key, m.reserved, charged)
}
