package apikey

// stepShare is the part of a limit by which the ceiling runs ahead.
const stepShare = 100

// openStep is the least by which it runs ahead for a key without a limit, uemc: there nothing can be lost but a figure.
const openStep = 100_000

// Reserve takes an amount of the key's limit for a call that may cost as much. It fails with ErrLimit, ErrPerCall, ErrRevoked
// or ErrExpired. What it took is durable when it returns, under a ceiling that mostly is so already.
func (s *Store) Reserve(id string, amount uint64) error {
	e, err := s.find(id)
	if err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	k := e.key
	if e.gone {
		return ErrUnknown
	}
	if err := k.usable(s.Now()); err != nil {
		return err
	}
	if k.PerCall > 0 && amount > k.PerCall {
		return ErrPerCall
	}
	used := add(k.Spent, k.Reserved)
	if amount > k.Room() || amount > ^uint64(0)-used {
		return ErrLimit
	}
	if err := s.raise(e, used+amount, amount); err != nil {
		return err
	}
	e.key.Reserved += amount
	return nil
}

// step is how far the ceiling runs ahead of what is used, for a call that may cost so much.
func (k Key) step(amount uint64) uint64 {
	if k.Limit == 0 {
		return max(amount, openStep)
	}
	return max(amount, k.Limit/stepShare)
}

// raise makes the ceiling of an entry, whose lock is held, reach so much, of which amount is new.
func (s *Store) raise(e *entry, used, amount uint64) error {
	if used <= e.ceiling {
		return s.state()
	}
	ceiling := add(used-amount, e.key.step(amount))
	if e.key.Limit > 0 {
		ceiling = max(used, min(ceiling, e.key.Limit))
	}
	return s.setCeiling(e, ceiling)
}

func (s *Store) setCeiling(e *entry, ceiling uint64) error {
	op, err := e.op(ceiling)
	if err != nil {
		return err
	}
	if err := s.write(op); err != nil {
		return err
	}
	e.ceiling = ceiling
	return nil
}

// Settle ends a reservation by what the call cost. A call that cost more than was reserved is counted in full, so that the
// limit ends the key, and is written down at once. A ceiling that many reservations raised is taken back once it stands two
// steps above what is used: a kill would cost all of that.
func (s *Store) Settle(id string, reserved, charged uint64) error {
	e, err := s.find(id)
	if err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.gone {
		return ErrUnknown
	}
	e.key.Reserved -= min(reserved, e.key.Reserved)
	e.key.Spent = add(e.key.Spent, charged)
	used, step := add(e.key.Spent, e.key.Reserved), e.key.step(reserved)
	if used <= e.ceiling && e.ceiling-used > add(step, step) {
		return s.setCeiling(e, used+step)
	}
	return s.raise(e, used, 0)
}
