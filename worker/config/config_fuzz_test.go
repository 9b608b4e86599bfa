package config

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"
)

// A file that is accepted is valid, and what Write makes of it reads as the same settings.
func FuzzParse(f *testing.F) {
	c := Default()
	c.Chain.ID = "emc-1"
	path := filepath.Join(f.TempDir(), "config.toml")
	if err := Write(path, c); err != nil {
		f.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole, "")
	const id = "[chain]\nid = \"emc-1\"\n"
	for _, s := range []string{
		"", id, id + "gas_adjustment = 1.25\n", id + "rpc = \"http://\\u0007\\u007f/\"\n", id + "gas_prices = \"\"\n", "[chain", "chain = 7", "[chain]\nid = 7",
		id + "[offer]\nprice = \"0.5emc\"\nregion = \"de\"\nslots = 4294967296\n", id + "[offer]\nslots = -1\n", id + "[offer]\napps = \"a,b\"\n",
		id + "[storage]\nretain_logs = \"2h45m0.5s\"\nmax_bytes = \"1 TiB\"\n", id + "[storage]\nretain_logs = 5\n", id + "[log]\nlevel = \"loud\"\n",
		id + "[metrics]\naddress = \"[::1]:9464\"\n", id + "unknown = 1\n", id + "[chain.id]\nx = 1\n", id + "[network]\nlisten = [\"/ip4/0.0.0.0/tcp/1\", \"/dns/x/udp/2/quic-v1\"]\n",
	} {
		f.Add([]byte(s), "")
	}
	f.Add([]byte(id), "EMC_WORKER_OFFER_APPS=a-b, c.d ,")
	f.Add([]byte(id), "EMC_WORKER_CHAIN_GAS_ADJUSTMENT=2.75")
	f.Add([]byte(id), "EMC_WORKER_NONSENSE=1")
	f.Add([]byte(""), "EMC_WORKER_CHAIN_ID=emc-2")
	f.Add([]byte(id), "EMC_WORKER_NONSEN") // no variable at all
	f.Fuzz(func(t *testing.T, data []byte, environ string) {
		if !utf8.ValidString(environ) || strings.ContainsRune(environ, 0) {
			t.Skip("no environment of ours")
		}
		c, err := Parse(data, strings.Split(environ, "\n"))
		if err != nil {
			return
		}
		if err := c.Validate(); err != nil {
			t.Fatalf("%q was accepted and is not valid: %v", data, err)
		}
		path := filepath.Join(t.TempDir(), "config.toml")
		if err := Write(path, c); err != nil {
			t.Fatal(err)
		}
		back, err := Load(path, nil)
		if err != nil {
			text, _ := os.ReadFile(path)
			t.Fatalf("%+v is written as a file that cannot be read: %v\n%s", c, err, text)
		}
		if !reflect.DeepEqual(plain(c), plain(back)) {
			t.Fatalf("%+v is written and read as %+v", c, back)
		}
	})
}

// plain makes a list of nothing and no list the same.
func plain(c Config) Config {
	for _, l := range []*[]string{&c.Offer.Apps, &c.Offer.Runtimes, &c.Network.Listen, &c.Network.Announce} {
		if len(*l) == 0 {
			*l = nil
		}
	}
	return c
}

// A size is positive and no larger than its number says.
func FuzzParseBytes(f *testing.F) {
	for _, s := range []string{"", "0", "1", "512MiB", "32 GiB", "8388607TiB", "8388608TiB", "999999999999999", "9999999999999999", "-1", "1.5GiB", "1KB", "1B", "٣"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		n, err := ParseBytes(s)
		if err != nil {
			return
		}
		if n <= 0 || strings.Trim(s, "0123456789KMGTiB \t\n\f\r") != "" {
			t.Fatalf("%q is %d bytes", s, n)
		}
		if digits := strings.TrimRight(s, "KMGTiB \t\n\f\r"); strings.HasSuffix(s, "TiB") && n>>40 == 0 || len(digits) > 15 {
			t.Fatalf("%q is %d bytes", s, n)
		}
	})
}
