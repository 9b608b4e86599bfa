package runtime

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func goodTask() Task {
	return Task{
		ID: "emc1abc/1", Artifact: "/a", ArtifactSHA256: strings.Repeat("0a", 32),
		Args: []string{"--steps", "10", "ünicode", ""}, Env: []string{"A=", "B=x=y"},
		Inputs: []File{
			{Path: "text.txt", Host: "/h/1", SHA256: strings.Repeat("b", 64)},
			{Path: "dir/text.txt", Host: "/h/2", Size: 3, SHA256: strings.Repeat("c", 64)},
			{Path: "dir.d/..x/...", Host: "/h/3", SHA256: strings.Repeat("d", 64)},
		},
		OutputDir: "/out",
		Limits:    Limits{Duration: time.Second, MemoryBytes: 1, OutputBytes: 1, OutputFiles: 1, LogBytes: 1},
	}
}

func TestValidate(t *testing.T) {
	require.NoError(t, Validate(goodTask()))
	input := func(change func(f *File)) func(t *Task) { return func(t *Task) { change(&t.Inputs[0]) } }
	path := func(p string) func(t *Task) { return input(func(f *File) { f.Path = p }) }
	for name, c := range map[string]struct {
		spoil func(t *Task)
		says  string
	}{
		"no id":                {func(t *Task) { t.ID = "" }, "no id"},
		"long id":              {func(t *Task) { t.ID = strings.Repeat("x", 257) }, "task id"},
		"id for the terminal":  {func(t *Task) { t.ID = "\x1b[2J" }, "task id"},
		"relative artifact":    {func(t *Task) { t.Artifact = "a" }, "artifact's path"},
		"artifact and image":   {func(t *Task) { t.Image = "ghcr.io/you/app" }, "one of them"},
		"no digest":            {func(t *Task) { t.ArtifactSHA256 = "" }, "digest"},
		"upper-case digest":    {func(t *Task) { t.ArtifactSHA256 = strings.Repeat("A", 64) }, "lower-case"},
		"digest of another":    {func(t *Task) { t.ArtifactSHA256 = strings.Repeat("g", 64) }, "hex"},
		"relative outputs":     {func(t *Task) { t.OutputDir = "out" }, "output directory"},
		"root as outputs":      {func(t *Task) { t.OutputDir = "/tmp/.." }, "output directory"},
		"too many arguments":   {func(t *Task) { t.Args = make([]string, MaxArgs+1) }, "arguments"},
		"long argument":        {func(t *Task) { t.Args[1] = strings.Repeat("x", MaxArgBytes+1) }, "argument 2"},
		"long arguments":       {func(t *Task) { t.Args = []string{long(), long(), long(), long(), "x"} }, "together"},
		"NUL in an argument":   {func(t *Task) { t.Args[0] = "a\x00b" }, "argument 1"},
		"binary argument":      {func(t *Task) { t.Args[0] = "\xff" }, "argument 1"},
		"no equals sign":       {func(t *Task) { t.Env[0] = "A" }, "KEY=VALUE"},
		"no key":               {func(t *Task) { t.Env[0] = "=x" }, "KEY=VALUE"},
		"variable twice":       {func(t *Task) { t.Env[1] = "A=2" }, "twice"},
		"NUL in a variable":    {func(t *Task) { t.Env[0] = "A=\x00" }, "NUL"},
		"too many variables":   {func(t *Task) { t.Env = make([]string, MaxEnv+1) }, "variables"},
		"too many inputs":      {func(t *Task) { t.Inputs = make([]File, MaxInputs+1) }, "inputs"},
		"empty path":           {path(""), "empty"},
		"absolute path":        {path("/etc/passwd"), "absolute"},
		"dot":                  {path("."), "clean"},
		"dot dot":              {path(".."), "clean"},
		"dot dot inside":       {path("a/../../b"), "clean"},
		"trailing slash":       {path("a/"), "clean"},
		"double slash":         {path("a//b"), "clean"},
		"NUL in a path":        {path("a\x00b"), "control"},
		"newline in a path":    {path("a\nb"), "control"},
		"binary path":          {path("a\xff"), "clean"},
		"long name":            {path(strings.Repeat("n", 256)), "255"},
		"long path":            {path(strings.Repeat("nnnnnnn/", 128) + "x"), "1024"},
		"deep path":            {path(strings.Repeat("n/", 32) + "x"), "deep"},
		"duplicate":            {path("dir/text.txt"), "twice"},
		"file as a directory":  {path("dir"), "itself a file"},
		"relative host path":   {input(func(f *File) { f.Host = "h" }), "host path"},
		"negative size":        {input(func(f *File) { f.Size = -1 }), "negative"},
		"input without digest": {input(func(f *File) { f.SHA256 = "" }), "digest"},
		"no time":              {func(t *Task) { t.Limits.Duration = 0 }, "duration"},
		"no memory":            {func(t *Task) { t.Limits.MemoryBytes = 0 }, "memory"},
		"no output bytes":      {func(t *Task) { t.Limits.OutputBytes = -1 }, "output bytes"},
		"no output files":      {func(t *Task) { t.Limits.OutputFiles = 0 }, "output files"},
		"no log":               {func(t *Task) { t.Limits.LogBytes = 0 }, "log bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			task := goodTask()
			c.spoil(&task)
			err := Validate(task)
			require.ErrorIs(t, err, ErrInvalid)
			require.ErrorContains(t, err, c.says)
		})
	}
}

func long() string { return strings.Repeat("x", MaxArgBytes) }
