package config

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// What is written is what is read, with defaults where nothing stands.
func TestServices(t *testing.T) {
	path := filepath.Join(t.TempDir(), "services.toml")
	none, err := LoadServices(path)
	require.NoError(t, err)
	require.Empty(t, none)
	program, server := DefaultService(), DefaultService()
	program.App, program.UnitPrice, program.Args, program.Inputs = "charlm", "10uemc", []string{"serve", `--weights="x"`}, []string{"/tmp/weights.bin"}
	server.App, server.UnitPrice, server.URL, server.Model, server.Processes = "llama3", "0.00002emc", "http://127.0.0.1:11434", "llama3:8b", 8
	require.NoError(t, WriteServices(path, []Service{program, server}))
	got, err := LoadServices(path)
	require.NoError(t, err)
	require.Equal(t, []Service{program, server}, got)
	unit, call, err := got[1].Prices()
	require.NoError(t, err)
	require.Equal(t, [2]uint64{20, 0}, [2]uint64{unit, call})

	short, err := ParseServices([]byte("[[service]]\napp = \"ocr\"\nunit_price = \"1emc\"\n"))
	require.NoError(t, err)
	want := DefaultService()
	want.App, want.UnitPrice = "ocr", "1emc"
	require.Equal(t, []Service{want}, short)
}

func TestBadServices(t *testing.T) {
	const good = "app = \"ab\"\nunit_price = \"1uemc\"\n"
	for words, text := range map[string]string{
		"unknown setting": "[[service]]\n" + good + "pirce = 1\n",
		"twice":           "[[service]]\n" + good + "[[service]]\n" + good,
		"unit_price":      "[[service]]\napp = \"ab\"\n",
		"app:":            "[[service]]\nunit_price = \"1uemc\"\n",
		"unit:":           "[[service]]\n" + good + "unit = \"words\"\n",
		"url:":            "[[service]]\n" + good + "url = \"127.0.0.1:80\"\n",
		"no args":         "[[service]]\n" + good + "url = \"http://a\"\nargs = [\"x\"]\n",
		"not an absolute": "[[service]]\n" + good + "inputs = [\"weights.bin\"]\n",
		"processes":       "[[service]]\n" + good + "processes = 0\n",
		"queue":           "[[service]]\n" + good + "queue = -1\n",
		"idle":            "[[service]]\n" + good + "idle = \"1ms\"\n",
		"memory":          "[[service]]\n" + good + "memory = \"much\"\n",
		"not valid TOML":  "[[service",
	} {
		_, err := ParseServices([]byte(text))
		require.ErrorContains(t, err, words, text)
	}
}
