package main

import "strings"

// holdback keeps back what may become one of the stops: a customer never sees the beginning of one.
type holdback struct {
	stops []string
	text  string
}

// add takes a token, and returns what can be shown by now. With stopped it is the last there is.
func (h *holdback) add(token string) (shown string, stopped bool) {
	h.text += token
	cut, keep := len(h.text), len(h.text)
	for _, stop := range h.stops {
		if strings.HasSuffix(h.text, stop) {
			cut, stopped = min(cut, len(h.text)-len(stop)), true
		}
		for n := min(len(stop)-1, len(h.text)); n > 0; n-- {
			if strings.HasPrefix(stop, h.text[len(h.text)-n:]) {
				keep = min(keep, len(h.text)-n)
				break
			}
		}
	}
	if stopped {
		return h.text[:cut], true
	}
	shown, h.text = h.text[:keep], h.text[keep:]
	return shown, false
}
