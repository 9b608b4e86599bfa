package dispatch

// Lanes is how many there are.
func (d *Dispatch) Lanes() int {
	d.lanes.mu.Lock()
	defer d.lanes.mu.Unlock()
	return len(d.lanes.open)
}
