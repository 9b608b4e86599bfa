package e2e

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/test/e2e/rig"
)

// The cold way: the transaction is printed, signed elsewhere, sent once. Who
// sends it again, or with somebody else's key, is refused and loses no more
// than the fee. Then the identity moves to another machine.
func TestIdentity(t *testing.T) {
	t.Parallel()
	s := newStage(t, shared)
	thief := newStage(t, shared)
	first := s.home("first")
	_, err := first.Run(s.ctx, "init", "--localnet", s.net.Home)
	require.NoError(t, err)
	printed, err := first.Run(s.ctx, "register", "--operator", s.customer.Address, "--generate-only")
	require.NoError(t, err)

	// Somebody else takes the node's signature for himself.
	_, err = thief.broadcast(strings.ReplaceAll(printed.Out, s.customer.Address, thief.customer.Address))
	require.ErrorContains(t, err, "sign", "the node's key has not agreed to this operator")
	s.check()
	nodes, err := s.net.Emcd(s.ctx, "query", "compute", "nodes", "--operator", thief.customer.Address, "--output", "json")
	require.NoError(t, err)
	require.NotContains(t, nodes.Out, thief.customer.Address)

	_, err = s.broadcast(printed.Out)
	require.NoError(t, err)
	s.check()
	_, err = s.broadcast(printed.Out)
	require.ErrorContains(t, err, "registered", "a second registration")
	s.check()

	require.NoError(t, first.Start(s.ctx), "it starts with no operator key on the machine")
	_, _, err = thief.customer.Run(s.ctx, thief.order(first, "echo", "x"))
	require.NoError(t, err)

	// Moving house.
	secret := filepath.Join(t.TempDir(), "passphrase")
	require.NoError(t, os.WriteFile(secret, []byte("correct horse battery staple\n"), 0o600))
	file := filepath.Join(t.TempDir(), "node.age")
	_, err = first.Run(s.ctx, "export", "--out", file, "--passphrase-file", secret)
	require.NoError(t, err)
	plain, err := os.ReadFile(filepath.Join(first.Home, "node_key.json"))
	require.NoError(t, err)
	sealed, err := os.ReadFile(file)
	require.NoError(t, err)
	require.False(t, bytes.Contains(sealed, plain[:len(plain)/2]))
	require.NoError(t, first.Stop())

	second := s.home("second")
	_, err = second.Run(s.ctx, "import", file, "--passphrase-file", secret)
	require.NoError(t, err)
	_, err = second.Run(s.ctx, "init", "--localnet", s.net.Home)
	require.NoError(t, err)
	said, err := second.Run(s.ctx, "import", file, "--passphrase-file", secret)
	require.Error(t, err, "a key is never overwritten")
	require.Contains(t, said.Err, "not overwritten")
	require.NoError(t, second.Start(s.ctx))
	require.Equal(t, first.Address, second.Address)
	require.NoError(t, rig.Eventually(s.ctx, patience, "the chain knows the new endpoint", func() (bool, error) {
		n, err := s.net.Node(s.ctx, second.Address)
		return err == nil && n.Unavailable == "", err
	}))
	sum, _, err := thief.customer.Run(s.ctx, thief.order(second, "echo", "x"))
	require.NoError(t, err)
	require.Equal(t, first.Address, sum.Node)
	s.check()
}

// broadcast signs a printed transaction with the customer's key and sends it.
func (s *stage) broadcast(unsigned string) (rig.Transaction, error) {
	s.Helper()
	dir := s.TempDir()
	path, signed := filepath.Join(dir, "unsigned.json"), filepath.Join(dir, "signed.json")
	require.NoError(s, os.WriteFile(path, []byte(unsigned), 0o644))
	_, err := s.net.Emcd(s.ctx, "tx", "sign", path, "--from", s.customer.Key, "--keyring-backend", "test", "--chain-id", s.net.ChainID, "--output-document", signed)
	require.NoError(s, err)
	return s.net.Broadcast(s.ctx, signed)
}
