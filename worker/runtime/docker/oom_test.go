package docker

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moby/moby/api/types/container"
)

// TestLostWord: the Engine forgot why a program was killed, and the kernel did not.
func TestLostWord(t *testing.T) {
	killed := container.State{ExitCode: 137}
	for _, c := range []struct {
		name          string
		before, after uint64
		state         container.State
		want          bool
	}{
		{"killed by the kernel", 7, 8, killed, true},
		{"killed by somebody else", 7, 7, killed, false},
		{"the kernel does not tell", 0, 0, killed, false},
		{"another end", 7, 8, container.State{ExitCode: 1}, false},
		{"the Engine's own word", 7, 7, container.State{ExitCode: 137, OOMKilled: true}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.Equal(t, c.want, endedForMemory(c.state, c.before, c.after))
		})
	}
}
