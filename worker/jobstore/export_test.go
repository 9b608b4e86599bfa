package jobstore

// OnStep calls f after every step of sealing, with the disk as a kill would leave it there.
func (s *Store) OnStep(f func(name string)) { s.step = f }

// Dir is the store's directory.
func (s *Store) Dir() string { return s.cfg.Dir }
