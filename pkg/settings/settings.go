// Package settings reads the daemons' settings: a TOML file of sections over
// defaults, and over both what the environment changes. A key that nobody knows is
// an error that names it: a misspelt setting must not be ignored.
package settings

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"slices"
	"sort"
	"strings"

	"github.com/knadh/koanf/parsers/toml/v2"
	"github.com/knadh/koanf/providers/env/v2"
	"github.com/knadh/koanf/providers/rawbytes"
	"github.com/knadh/koanf/v2"
)

// Source is where settings come from.
type Source struct {
	File    []byte
	Environ []string // os.Environ()
	// Prefix starts the variables: with EMC_WORKER_, EMC_WORKER_CHAIN_RPC is chain.rpc. Others are variables of the command line.
	Prefix string
	Others []string
}

// Parse puts them over what is in into, a pointer to a struct of sections with koanf
// tags. Lists are separated by commas in the environment.
func Parse(s Source, into any) error {
	k := koanf.New(".")
	if err := k.Load(rawbytes.Provider(s.File), toml.Parser()); err != nil {
		return fmt.Errorf("not valid TOML: %w", err)
	}
	settings := keys(reflect.TypeOf(into).Elem())
	var unknown []string
	for _, key := range k.Keys() {
		if _, ok := settings[key]; !ok {
			unknown = append(unknown, key)
		}
	}
	// A process may be given entries without a "=", which are no variables; the
	// provider panics at them.
	assignments := slices.DeleteFunc(slices.Clone(s.Environ), func(entry string) bool { return !strings.Contains(entry, "=") })
	fromEnv := env.Provider(".", env.Opt{
		Prefix: s.Prefix, EnvironFunc: func() []string { return assignments },
		TransformFunc: func(name, value string) (string, any) {
			short := strings.TrimPrefix(name, s.Prefix)
			if slices.Contains(s.Others, short) {
				return "", nil
			}
			section, rest, _ := strings.Cut(strings.ToLower(short), "_")
			key := section + "." + rest
			kind, ok := settings[key]
			if !ok {
				unknown = append(unknown, name+" (environment)")
				return "", nil
			}
			if kind == reflect.Slice {
				return key, splitList(value)
			}
			return key, value
		},
	})
	if err := k.Load(fromEnv, nil); err != nil {
		return err
	}
	if len(unknown) > 0 {
		sort.Strings(unknown)
		return fmt.Errorf("unknown setting %s; correct or remove it", strings.Join(unknown, ", "))
	}
	return k.UnmarshalWithConf("", into, koanf.UnmarshalConf{Tag: "koanf"})
}

// keys are the names of all settings with their kinds, read off the struct itself so
// that they cannot fall behind it.
func keys(sections reflect.Type) map[string]reflect.Kind {
	out := map[string]reflect.Kind{}
	for i := range sections.NumField() {
		section := sections.Field(i)
		for j := range section.Type.NumField() {
			f := section.Type.Field(j)
			out[section.Tag.Get("koanf")+"."+f.Tag.Get("koanf")] = f.Type.Kind()
		}
	}
	return out
}

func splitList(s string) []string {
	out := []string{}
	for part := range strings.SplitSeq(s, ",") {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, part)
		}
	}
	return out
}

// Create writes a new settings file, for its user alone. It never overwrites one.
func Create(path, text string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if os.IsExist(err) {
		return fmt.Errorf("%s exists already and is not overwritten; edit it, or choose another --home", path)
	}
	if err != nil {
		return err
	}
	if _, err := f.WriteString(text); err != nil {
		return errors.Join(err, f.Close())
	}
	return f.Close()
}

// Quote writes a TOML string. Go's own quoting has escapes that TOML lacks.
func Quote(s string) string {
	var out strings.Builder
	out.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			out.WriteRune('\\')
			out.WriteRune(r)
		case r < 0x20 || r == 0x7f:
			fmt.Fprintf(&out, `\u%04x`, r)
		default:
			out.WriteRune(r)
		}
	}
	out.WriteByte('"')
	return out.String()
}

// QuoteList writes a TOML list of strings.
func QuoteList(l []string) string {
	quoted := make([]string, len(l))
	for i, s := range l {
		quoted[i] = Quote(s)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}
