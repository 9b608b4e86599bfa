package jobclient

import (
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"

	"cosmossdk.io/math"

	"github.com/edgematrix/emc/pkg/job"
	"github.com/edgematrix/emc/pkg/transfer"
)

// recordVersion is the one version of Record that this package reads and writes.
const recordVersion = 1

// Record is everything that this machine must know to come back to a job. It holds the job's access key: whoever has it
// can read the job's inputs, log and outputs, also as a worker keeps them encrypted after the end, but can touch no money.
type Record struct {
	Version  int    `json:"version"`
	ID       string `json:"id"` // empty until the submission is known to be in a block
	ChainID  string `json:"chain_id"`
	Customer string `json:"customer"`
	App      string `json:"app"`

	AccessKey string   `json:"access_key"` // 32 bytes of a secp256k1 private key, hex
	PublicKey string   `json:"public_key"` // the compressed public key that stands in the job, hex
	Salt      job.Salt `json:"salt"`
	Spec      string   `json:"spec"` // canonical JSON of pkg/job

	Files     []LocalFile `json:"files"`              // inputs and, when given, the app's artifact
	OutputDir string      `json:"output_dir"`         // absolute
	CreatedAt time.Time   `json:"created_at"`         // by the clock of this machine
	SubmitTx  string      `json:"submit_tx"`          // written before the transaction is sent
	AcceptTx  string      `json:"accept_tx"`          // likewise
	Fees      math.Int    `json:"fees"`               // uemc paid for this job's transactions so far
	Uploaded  bool        `json:"uploaded,omitempty"` // a node has confirmed all inputs

	// The node that the job was on when last seen, so that its log can be read after the job has left the chain.
	Node      string   `json:"node"`
	NodeKey   string   `json:"node_key"` // hex
	Endpoints []string `json:"endpoints"`
	// LogNode is the node whose log the copy in the folder is.
	LogNode string `json:"log_node"`

	// What the job had come to when last seen. The receipt stays readable here after the job has left the chain.
	Status  string   `json:"status"`
	Reason  string   `json:"reason"` // the chain's words
	Price   math.Int `json:"price"`  // uemc, paid or to be paid to the node
	Refund  math.Int `json:"refund"` // uemc
	Receipt *Receipt `json:"receipt"`
	Fetched bool     `json:"fetched,omitempty"` // the outputs have been verified and lie in OutputDir
}

// Receipt is what the chain's receipt says.
type Receipt struct {
	Reason       string     `json:"reason"` // as in pkg/job
	ExitCode     int32      `json:"exit_code"`
	ResultDigest job.Digest `json:"result_digest"` // salted
	LogDigest    job.Digest `json:"log_digest"`
	WallMillis   uint64     `json:"wall_millis"`
	// Words say how the run ended; empty for a program that ended well.
	Words string `json:"words"`
}

// LocalFile is a file on this machine whose bytes the job needs.
type LocalFile struct {
	Path   string `json:"path"` // absolute
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

func (r *Record) validate() error {
	if r.Version != recordVersion {
		return fmt.Errorf("version %d: this program reads version %d", r.Version, recordVersion)
	}
	if r.ID != "" {
		if err := job.CheckID(r.ID); err != nil {
			return err
		}
	}
	if _, err := r.key(); err != nil {
		return err
	}
	if r.Fees.IsNil() || r.Price.IsNil() || r.Refund.IsNil() {
		return errors.New("fees, price or refund are missing")
	}
	_, err := job.UnmarshalSpec([]byte(r.Spec))
	return err
}

// key is the job's access key as a libp2p identity.
func (r *Record) key() (crypto.PrivKey, error) {
	priv, err := hex.DecodeString(r.AccessKey)
	if err != nil {
		return nil, fmt.Errorf("access key: %w", err)
	}
	return transfer.HostKey(priv)
}

// target names the job on the node where it was last seen.
func (r *Record) target() (transfer.Target, error) {
	if r.NodeKey == "" {
		return transfer.Target{}, errors.New("the job's node is not known on this machine yet; ask again when the chain answers")
	}
	key, err := hex.DecodeString(r.NodeKey)
	if err != nil {
		return transfer.Target{}, fmt.Errorf("node key: %w", err)
	}
	pub, err := transfer.PubKeyFromBytes(key)
	if err != nil {
		return transfer.Target{}, err
	}
	return transfer.Target{Node: pub, Endpoints: r.Endpoints, JobID: r.ID}, nil
}
