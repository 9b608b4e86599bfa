package power

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/edgematrix/emc/pkg/proof"
)

// recordName is the file that keeps what a reveal needs.
const recordName = "window"

// recordHead begins it, before the SHA-256 of the rest.
const recordHead = "emc-proof-1 "

// record is all that the opening of a commitment needs but the leaves, which can
// be computed again.
type record struct {
	ChainID string       `json:"chain_id"`
	Height  int64        `json:"window"`
	Beacon  proof.Digest `json:"beacon"`
	Node    []byte       `json:"node"`
	PubKey  []byte       `json:"pubkey"`
	Kind    uint8        `json:"kind"`
	LogN    uint8        `json:"log2_n"`
	// Commitments are those that may be on the chain, the last one last: a later
	// one may have come too late.
	Commitments []proof.Commitment `json:"commitments"`
	// Roots are those of all rounds of the last one, 32 bytes each.
	Roots []byte `json:"roots"`
	// Spoiled says why nothing of it is to be revealed; empty while all is well.
	Spoiled string `json:"spoiled,omitempty"`
}

// errDamaged is wrapped when the file is not what was written.
var errDamaged = errors.New("the record of the last proof is damaged")

// proofWindow is the window as the prover takes it.
func (r record) proofWindow() proof.Window {
	w := proof.Window{ChainID: r.ChainID, Height: uint64(r.Height), Beacon: r.Beacon, Kind: r.Kind, LogN: r.LogN}
	copy(w.Node[:], r.Node)
	copy(w.PubKey[:], r.PubKey)
	return w
}

func (r record) roots() []proof.Digest {
	out := make([]proof.Digest, len(r.Roots)/len(proof.Digest{}))
	for i := range out {
		out[i] = proof.Digest(r.Roots[i*len(out[i]):])
	}
	return out
}

// last is the last commitment; false when there is none.
func (r record) last() (proof.Commitment, bool) {
	if len(r.Commitments) == 0 {
		return proof.Commitment{}, false
	}
	return r.Commitments[len(r.Commitments)-1], true
}

// with is the record with one more commitment.
func (r record) with(c proof.Commitment, roots []proof.Digest) record {
	r.Commitments = append(copyOf(r.Commitments), c)
	r.Roots = make([]byte, 0, len(roots)*len(proof.Digest{}))
	for _, root := range roots {
		r.Roots = append(r.Roots, root[:]...)
	}
	return r
}

// copyOf copies, so that a record that could not be written changes no other.
func copyOf(list []proof.Commitment) []proof.Commitment {
	return append(make([]proof.Commitment, 0, len(list)+1), list...)
}

// check compares what belongs together.
func (r record) check() error {
	if err := r.proofWindow().Validate(); err != nil {
		return err
	}
	roots := r.roots()
	if len(r.Node) != 20 || len(r.PubKey) != 33 || len(r.Roots)%len(proof.Digest{}) != 0 || len(r.Commitments) == 0 {
		return fmt.Errorf("expected a node, its key, roots and commitments, got %d, %d, %d bytes and %d commitments",
			len(r.Node), len(r.PubKey), len(r.Roots), len(r.Commitments))
	}
	for _, c := range r.Commitments {
		if err := c.Validate(); err != nil {
			return err
		}
		if c.LogN != r.LogN || c.Rounds > uint64(len(roots)) {
			return fmt.Errorf("a commitment to %d rounds of 2^%d, and %d roots of 2^%d", c.Rounds, c.LogN, len(roots), r.LogN)
		}
	}
	return nil
}

// save replaces the file in one step that survives a loss of power.
func (r record) save(dir string) (err error) {
	body, err := json.Marshal(r)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(body)
	data := append([]byte(recordHead+hex.EncodeToString(sum[:])+"\n"), body...)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if err := syncDir(filepath.Dir(dir)); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".tmp-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err = os.Rename(f.Name(), filepath.Join(dir, recordName)); err != nil {
		return err
	}
	return syncDir(dir)
}

// loadRecord reads the file; nil when there is none.
func loadRecord(dir string) (*record, error) {
	path := filepath.Join(dir, recordName)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	head, body, ok := bytes.Cut(data, []byte("\n"))
	sum := sha256.Sum256(body)
	if !ok || string(head) != recordHead+hex.EncodeToString(sum[:]) {
		return nil, fmt.Errorf("%w: %s fails its checksum", errDamaged, path)
	}
	r := new(record)
	if err := json.Unmarshal(body, r); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", errDamaged, path, err)
	}
	if err := r.check(); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", errDamaged, path, err)
	}
	return r, nil
}

// setAside keeps a damaged file for a person to look at, out of the way.
func setAside(dir string) error {
	path := filepath.Join(dir, recordName)
	return os.Rename(path, path+".damaged")
}

func removeRecord(dir string) error {
	err := os.Remove(filepath.Join(dir, recordName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
