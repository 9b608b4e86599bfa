package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"sort"
	"strings"

	"github.com/knadh/koanf/parsers/toml/v2"
	"github.com/knadh/koanf/providers/env/v2"
	"github.com/knadh/koanf/providers/rawbytes"
	"github.com/knadh/koanf/v2"
)

// EnvPrefix starts the variables that override the file:
// EMC_WORKER_CHAIN_RPC is chain.rpc.
const EnvPrefix = "EMC_WORKER_"

// notSettings are variables of the command line, not of the file.
var notSettings = map[string]bool{"HOME": true, "PASSPHRASE": true, "KEYRING_BACKEND": true, "KEYRING_HOME": true, "FROM": true}

// Load reads a file over the defaults, then the environment, and validates.
// environ is os.Environ().
func Load(path string, environ []string) (Config, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Config{}, fmt.Errorf("there is no %s; run `emc-worker init` first", path)
	}
	if err != nil {
		return Config{}, err
	}
	c, err := Parse(data, environ)
	if err != nil {
		return Config{}, fmt.Errorf("%s: %w", path, err)
	}
	return c, nil
}

// Parse is Load for bytes that were read already.
func Parse(data []byte, environ []string) (Config, error) {
	k := koanf.New(".")
	if err := k.Load(rawbytes.Provider(data), toml.Parser()); err != nil {
		return Config{}, fmt.Errorf("not valid TOML: %w", err)
	}
	settings := keys()
	var unknown []string
	for _, key := range k.Keys() {
		if !settings[key] {
			unknown = append(unknown, key)
		}
	}
	// A process may be given entries without a "=", which are no variables; the
	// provider panics at them.
	assignments := slices.DeleteFunc(slices.Clone(environ), func(entry string) bool { return !strings.Contains(entry, "=") })
	fromEnv := env.Provider(".", env.Opt{
		Prefix: EnvPrefix, EnvironFunc: func() []string { return assignments },
		TransformFunc: func(name, value string) (string, any) {
			short := strings.TrimPrefix(name, EnvPrefix)
			if notSettings[short] {
				return "", nil
			}
			section, rest, _ := strings.Cut(strings.ToLower(short), "_")
			key := section + "." + rest
			if !settings[key] {
				unknown = append(unknown, name+" (environment)")
				return "", nil
			}
			if lists[key] {
				return key, splitList(value)
			}
			return key, value
		},
	})
	if err := k.Load(fromEnv, nil); err != nil {
		return Config{}, err
	}
	if len(unknown) > 0 {
		sort.Strings(unknown)
		return Config{}, fmt.Errorf("unknown setting %s; correct or remove it", strings.Join(unknown, ", "))
	}
	c := Default()
	if err := k.UnmarshalWithConf("", &c, koanf.UnmarshalConf{Tag: "koanf"}); err != nil {
		return Config{}, err
	}
	return c, c.Validate()
}

// lists are the settings that hold several values; in the environment they are
// separated by commas.
var lists = map[string]bool{"offer.apps": true, "offer.runtimes": true, "network.listen": true, "network.announce": true, "calls.routers": true}

func splitList(s string) []string {
	out := []string{}
	for _, part := range strings.Split(s, ",") {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, part)
		}
	}
	return out
}
