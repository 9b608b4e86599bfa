package beacon_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/oasisprotocol/curve25519-voi/primitives/ed25519"
	"github.com/oasisprotocol/curve25519-voi/primitives/ed25519/extra/ecvrf"
	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/pkg/beacon"
)

var update = flag.Bool("update", false, "rewrite the golden vectors in testdata")

// seeded is randomness that is the same in every run.
func seeded(seed byte) *rand.ChaCha8 { return rand.NewChaCha8([32]byte{seed}) }

func newKey(t testing.TB, seed byte) beacon.Key {
	t.Helper()
	k, err := beacon.NewKey(seeded(seed))
	require.NoError(t, err)
	return k
}

const chain = "emc-test-1"

// hexed is bytes that JSON carries in hex.
type hexed []byte

func (h hexed) MarshalText() ([]byte, error) { return []byte(hex.EncodeToString(h)), nil }
func (h *hexed) UnmarshalText(text []byte) (err error) {
	*h, err = hex.DecodeString(string(text))
	return err
}

type vectors struct {
	Chain   string   `json:"chain_id"`
	PubKey  hexed    `json:"pubkey"`
	Owner   owner    `json:"owner"`
	Genesis hexed    `json:"genesis"`
	Heights []height `json:"heights"`
}

type owner struct {
	Validator hexed `json:"validator"`
	Input     hexed `json:"input"`
	Proof     hexed `json:"proof"`
}

type height struct {
	Height       int64 `json:"height"`
	Input        hexed `json:"input"`
	Proof        hexed `json:"proof"`
	Output       hexed `json:"output"`
	Contribution hexed `json:"contribution"`
	Next         hexed `json:"value_with_contribution"`
	Skip         hexed `json:"value_without"`
}

// Every hashed or proven byte stands in testdata/vectors.json.
func TestVectors(t *testing.T) {
	k := newKey(t, 1)
	validator := bytes.Repeat([]byte{7}, 20)
	value := beacon.Genesis(chain)
	got := vectors{
		Chain: chain, PubKey: k.PubKey(), Genesis: value[:],
		Owner: owner{validator, beacon.OwnerInput(chain, validator), k.Prove(beacon.OwnerInput(chain, validator))},
	}
	for _, h := range []int64{1, 2, 1 << 40} {
		input := beacon.HeightInput(chain, h)
		proof := k.Prove(input)
		output, err := beacon.Verify(k.PubKey(), proof, input)
		require.NoError(t, err)
		next, skip := value.Next(output), value.Skip(h)
		got.Heights = append(got.Heights, height{h, input, proof, output, beacon.Contribution(proof), next[:], skip[:]})
		value = next
	}
	path := filepath.Join("testdata", "vectors.json")
	if *update {
		data, err := json.MarshalIndent(got, "", "  ")
		require.NoError(t, err)
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(path, append(data, '\n'), 0o644))
	}
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	var want vectors
	require.NoError(t, json.Unmarshal(data, &want))
	require.Equal(t, want, got, "a format changed: every draw on a chain depends on it")
}

// A key's owner can make many proofs for one input, and choose among them; the
// output is the same, so there is nothing to choose.
func TestOneOutputForManyProofs(t *testing.T) {
	random := seeded(3)
	public, secret, err := ed25519.GenerateKey(random)
	require.NoError(t, err)
	input := beacon.HeightInput(chain, 9)
	first, err := ecvrf.ProveWithAddedRandomness(random, secret, input)
	require.NoError(t, err)
	second, err := ecvrf.ProveWithAddedRandomness(random, secret, input)
	require.NoError(t, err)
	require.NotEqual(t, first, second)
	one, err := beacon.Verify(public, first, input)
	require.NoError(t, err)
	two, err := beacon.Verify(public, second, input)
	require.NoError(t, err)
	require.Equal(t, one, two)
}

func TestVerifyRefuses(t *testing.T) {
	k := newKey(t, 1)
	input := beacon.HeightInput(chain, 5)
	proof := k.Prove(input)
	_, err := beacon.Verify(k.PubKey(), proof, input)
	require.NoError(t, err)
	for name, row := range map[string]struct {
		pubKey, proof, input []byte
		err                  error
	}{
		"error - another height":    {k.PubKey(), proof, beacon.HeightInput(chain, 6), beacon.ErrProof},
		"error - another chain":     {k.PubKey(), proof, beacon.HeightInput(chain+"x", 5), beacon.ErrProof},
		"error - another use":       {k.PubKey(), proof, beacon.OwnerInput(chain, make([]byte, 8)), beacon.ErrProof},
		"error - another key":       {newKey(t, 2).PubKey(), proof, input, beacon.ErrProof},
		"error - a proof too short": {k.PubKey(), proof[1:], input, beacon.ErrProof},
		"error - a proof too long":  {k.PubKey(), append(bytes.Clone(proof), 0), input, beacon.ErrProof},
		"error - no proof":          {k.PubKey(), nil, input, beacon.ErrProof},
		"error - a key too short":   {k.PubKey()[1:], proof, input, beacon.ErrPubKey},
		"error - no key":            {nil, proof, input, beacon.ErrPubKey},
		"error - a weak key":        {make([]byte, beacon.PubKeySize), proof, input, beacon.ErrProof},
	} {
		_, err := beacon.Verify(row.pubKey, row.proof, row.input)
		require.ErrorIs(t, err, row.err, name)
	}
	for i := range proof {
		changed := bytes.Clone(proof)
		changed[i] ^= 1
		_, err := beacon.Verify(k.PubKey(), changed, input)
		require.ErrorIs(t, err, beacon.ErrProof, "byte %d", i)
	}
}

func TestContribution(t *testing.T) {
	proof := newKey(t, 1).Prove([]byte("x"))
	tx := beacon.Contribution(proof)
	require.Len(t, tx, beacon.ContributionSize)
	got, ok := beacon.ParseContribution(tx)
	require.True(t, ok)
	require.Equal(t, proof, got)
	for _, other := range [][]byte{nil, {}, []byte("emc"), tx[1:], {0x0a, 0x00}} {
		_, ok := beacon.ParseContribution(other)
		require.False(t, ok)
	}
}

func TestKeyFile(t *testing.T) {
	home := t.TempDir()
	made, err := beacon.LoadOrMake(home, seeded(4))
	require.NoError(t, err)
	path := filepath.Join(home, "config", "beacon_key.json")
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o600), info.Mode().Perm(), "only its owner reads it")
	again, err := beacon.LoadOrMake(home, seeded(5))
	require.NoError(t, err)
	require.Equal(t, made.PubKey(), again.PubKey(), "a key that is there is never replaced")
	require.ErrorIs(t, made.Save(path), fs.ErrExist)

	_, err = beacon.Load(filepath.Join(home, "nothing"))
	require.ErrorIs(t, err, fs.ErrNotExist)
	good, err := os.ReadFile(path)
	require.NoError(t, err)
	for name, content := range map[string]string{
		"no JSON":         "seed",
		"another type":    `{"type":"tendermint/PrivKeyEd25519"}`,
		"a short seed":    `{"type":"emc/beacon-key/1","seed":"AAAA"}`,
		"another pub key": string(bytes.Replace(good, []byte(`"pub_key": "`), []byte(`"pub_key": "AAAA`), 1)),
	} {
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		_, err := beacon.LoadOrMake(home, seeded(6))
		require.Error(t, err, name)
		require.False(t, errors.Is(err, fs.ErrNotExist), name)
		kept, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, content, string(kept), "a damaged key is not overwritten")
	}
}

// FuzzVerify: whatever a proposer sends, nothing panics, and nothing but a proof
// of the key is taken.
func FuzzVerify(f *testing.F) {
	k := newKey(f, 1)
	input := beacon.HeightInput(chain, 1)
	good := k.Prove(input)
	output, err := beacon.Verify(k.PubKey(), good, input)
	require.NoError(f, err)
	f.Add(k.PubKey(), beacon.Contribution(good))
	f.Add([]byte{}, []byte("emc/poc/beacon/1:"))
	f.Fuzz(func(t *testing.T, pubKey, tx []byte) {
		proof, ok := beacon.ParseContribution(tx)
		if !ok {
			return
		}
		got, err := beacon.Verify(pubKey, proof, input)
		if err == nil && bytes.Equal(pubKey, k.PubKey()) && !bytes.Equal(got, output) {
			t.Fatalf("the key has two outputs for one input: %x", got)
		}
	})
}
