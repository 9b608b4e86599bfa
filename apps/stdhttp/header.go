package stdhttp

import (
	"slices"
	"strings"
)

// Header holds one value for each name, whose case does not count. The zero value can be read only.
type Header map[string]string

// Get returns a header's value, or "".
func (h Header) Get(name string) string { return h[strings.ToLower(name)] }

// Set replaces a header's value.
func (h Header) Set(name, value string) { h[strings.ToLower(name)] = value }

// append writes the headers in the order of their names: the same answer is the same bytes everywhere.
func (h Header) append(b []byte) []byte {
	names := make([]string, 0, len(h))
	for name := range h {
		names = append(names, name)
	}
	slices.Sort(names)
	clean := strings.NewReplacer("\r", " ", "\n", " ") // a value never begins a header of its own
	for _, name := range names {
		b = append(append(b, name...), ": "...)
		b = append(append(b, clean.Replace(h[name])...), "\r\n"...)
	}
	return b
}

func token(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(c rune) bool {
		return c <= ' ' || c >= 0x7f || strings.ContainsRune(`()<>@,;:\"/[]?={}`, c)
	})
}
