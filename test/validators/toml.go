package validators

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// Settings are values of config.toml or app.toml by "section.key", or "key" for
// those before the first section. A value is a string, a bool or an integer.
type Settings map[string]any

// apply replaces the values in the file. A key that the file lacks is an error:
// it would be misspelt.
func (s Settings) apply(path string) error {
	raw, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	lines, section, done := strings.Split(string(raw), "\n"), "", map[string]bool{}
	for i, line := range lines {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "[") {
			section = strings.Trim(line, "[] ") + "."
			continue
		}
		name, _, ok := strings.Cut(line, "=")
		key := section + strings.TrimSpace(name)
		value, given := s[key]
		if !ok || !given {
			continue
		}
		if text, is := value.(string); is {
			value = strconv.Quote(text)
		}
		lines[i] = fmt.Sprintf("%s= %v", name, value)
		done[key] = true
	}
	for key := range s {
		if !done[key] {
			err = errors.Join(err, fmt.Errorf("%s has no setting %s", path, key))
		}
	}
	if err != nil {
		return err
	}
	return os.WriteFile(path, []byte(strings.Join(lines, "\n")), 0o600)
}

// with returns the settings and further ones, which win.
func (s Settings) with(more Settings) Settings {
	out := Settings{}
	for _, all := range []Settings{s, more} {
		for key, value := range all {
			out[key] = value
		}
	}
	return out
}
