package image

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// maxDepth bounds the nesting of a stranger's JSON; a configuration needs four.
const maxDepth = 64

// structDepth is how deep the objects lie that decode into structs. Below it
// are maps such as Labels, whose keys may differ in case alone.
const structDepth = 1

// unmarshalStrict decodes one JSON value that no two readers can understand
// differently. Go's decoder takes the last of two equal keys and ignores their
// case: without this check, what is verified here and what an Engine reads
// could be two things.
func unmarshalStrict(raw []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if err := uniqueKeys(d, 0); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("there is something behind the end of the JSON text")
	}
	return json.Unmarshal(raw, into)
}

// uniqueKeys reads one value and fails at a key that an object holds twice.
func uniqueKeys(d *json.Decoder, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("the JSON text is nested more than %d deep", maxDepth)
	}
	t, err := d.Token()
	if err != nil {
		return err
	}
	open, ok := t.(json.Delim)
	if !ok {
		return nil
	}
	seen := map[string]bool{}
	for d.More() {
		if open == '{' {
			t, err := d.Token()
			if err != nil {
				return err
			}
			key := t.(string)
			if depth <= structDepth {
				key = fold(key)
			}
			if seen[key] {
				return fmt.Errorf("the key %.40q stands twice in one object", t)
			}
			seen[key] = true
		}
		if err := uniqueKeys(d, depth+1); err != nil {
			return err
		}
	}
	_, err = d.Token()
	return err
}

// fold maps keys to one that encoding/json would match to the same field: it
// folds case as Unicode does, also ſ to s and K (Kelvin) to k.
func fold(key string) string {
	return strings.ToLower(strings.ToUpper(key))
}
