package job

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// MaxInt is the largest integer in any format: above 2^53−1, JSON readers in other languages round.
const MaxInt = 1<<53 - 1

// ErrNotCanonical says that bytes decode to a value, but are not the one encoding of it.
var ErrNotCanonical = errors.New("not in canonical form")

// marshal returns the canonical bytes of a value whose strings are already known to be valid UTF-8.
func marshal(v any) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), nil
}

// unmarshal decodes strictly: one value, no unknown fields, nothing behind it.
func unmarshal(what string, data []byte, most int, v any) error {
	if len(data) > most {
		return fmt.Errorf("%s: %d bytes, the most is %d", what, len(data), most)
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return fmt.Errorf("%s: bytes follow the JSON value", what)
	}
	return nil
}

func checkCanonical(what string, data, canonical []byte) error {
	if !bytes.Equal(data, canonical) {
		return fmt.Errorf("%s: %w: encode it with this package", what, ErrNotCanonical)
	}
	return nil
}
