package wallets

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/test/e2e/rig"
	"github.com/edgematrix/emc/x/compute/types"
)

// The example in docs/wallets.md is the file that it names, and works; the JSON is
// what the chain signs.
func (s *site) testExample(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(s.js, "..", "..", "..", "docs", "wallets.md"))
	require.NoError(t, err)
	file, err := os.ReadFile(filepath.Join(s.js, "example.mjs"))
	require.NoError(t, err)
	require.Contains(t, string(page), "```js\n"+string(file)+"```", "docs/wallets.md shows another example than test/wallets/js/example.mjs")
	_, document, _ := strings.Cut(string(page), "```json\n")
	document, _, _ = strings.Cut(document, "```")
	signed, err := s.app.LegacyAmino().MarshalJSON(&types.MsgRegisterNode{Operator: "emc1…"})
	require.NoError(t, err)
	require.JSONEq(t, string(signed), document)
	for _, mode := range modes {
		said, err := rig.Command(t.Context(), s.js, []string{"EMC_RPC=" + s.net.RPC, "EMC_MNEMONIC=" + s.borrow(t).mnemonic}, "node", "example.mjs", mode)
		require.NoError(t, err)
		require.True(t, strings.Contains(said.Out, "registered my-app-"), said.Out)
	}
}
