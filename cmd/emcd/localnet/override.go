package localnet

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/viper"
)

// merge lays override over base, key by key; anything but a mapping replaces
// what was there. A key that base lacks is refused by its path: a misspelt
// override would otherwise be ignored in silence.
func merge(base, override map[string]any, path string) error {
	for _, key := range slices.Sorted(maps.Keys(override)) {
		at := strings.TrimPrefix(path+"."+key, ".")
		old, known := base[key]
		if !known {
			return fmt.Errorf("unknown key %q", at)
		}
		into, isMap := old.(map[string]any)
		from, alsoMap := override[key].(map[string]any)
		if isMap && alsoMap {
			if err := merge(into, from, at); err != nil {
				return err
			}
			continue
		}
		if isMap && override[key] != nil {
			return fmt.Errorf("%q holds further keys, not a single value", at)
		}
		base[key] = override[key]
	}
	return nil
}

// mergeJSON lays override over a JSON document.
func mergeJSON(document []byte, override map[string]any) ([]byte, error) {
	var base map[string]any
	if err := json.Unmarshal(document, &base); err != nil {
		return nil, err
	}
	if err := merge(base, override, ""); err != nil {
		return nil, err
	}
	return json.MarshalIndent(base, "", "  ")
}

// overrideTOML reads the TOML file that write made, lays override over it and
// decodes the result into target. Unknown keys are refused.
func overrideTOML(write func(path string) error, override map[string]any, target any) error {
	dir, err := os.MkdirTemp("", "emcd-config-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "config.toml")
	if err := write(path); err != nil {
		return err
	}
	v := viper.New()
	v.SetConfigFile(path)
	if err := v.ReadInConfig(); err != nil {
		return err
	}
	known := map[string]bool{}
	for _, key := range v.AllKeys() {
		known[key] = true
	}
	for key, value := range flatten(override, "") {
		if !known[strings.ToLower(key)] {
			return fmt.Errorf("unknown key %q", key)
		}
		v.Set(key, value)
	}
	return v.Unmarshal(target)
}

// flatten turns nested keys into dotted ones.
func flatten(nested map[string]any, path string) map[string]any {
	flat := map[string]any{}
	for key, value := range nested {
		at := strings.TrimPrefix(path+"."+key, ".")
		if inner, ok := value.(map[string]any); ok {
			maps.Copy(flat, flatten(inner, at))
			continue
		}
		flat[at] = value
	}
	return flat
}
