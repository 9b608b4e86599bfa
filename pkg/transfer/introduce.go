package transfer

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/cosmos/cosmos-sdk/crypto/keys/secp256k1"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
)

// IntroduceProtocol is what a peer that the relay does not know says before it asks for a circuit: one frame with an
// Introduction, answered by one with a code, or none.
const IntroduceProtocol protocol.ID = "/emc/introduce/1"

// introduceWait is how long either side may take for its frame.
const introduceWait = 10 * time.Second

// Introduction tells a relay who asks: the handshake has proven a key, and the chain says that it is that of this job or of
// this session, or that a validator's prober has signed it. One of them is set.
type Introduction struct {
	Job     string  `json:"job,omitempty"`
	Session string  `json:"session,omitempty"`
	Prober  *Prober `json:"prober,omitempty"`
}

// Prober is one of a validator. The key of the handshake is drawn anew for each epoch, so that nodes do not know who asks: the
// hot key that the chain knows has signed it.
type Prober struct {
	Validator string `json:"validator"`
	Key       []byte `json:"key"` // the hot key, compressed
	Signature []byte `json:"signature"`
}

// proberMessage is what the hot key signs.
func proberMessage(chainID, validator string, guest PubKey) []byte {
	chain, of := sha256.Sum256([]byte(chainID)), sha256.Sum256([]byte(validator))
	return slices.Concat([]byte("emc/introduce/1"), chain[:], of[:], guest[:])
}

// NewProber has a hot key sign the key of a handshake.
func NewProber(chainID, validator string, guest PubKey, key []byte, sign func([]byte) ([]byte, error)) (*Prober, error) {
	signature, err := sign(proberMessage(chainID, validator, guest))
	if err != nil {
		return nil, fmt.Errorf("sign the key of this epoch's probes: %w", err)
	}
	return &Prober{Validator: validator, Key: key, Signature: signature}, nil
}

// Signed tells whether the hot key has signed the key of a handshake, for this chain. Whose it is, the chain says.
func (p Prober) Signed(chainID string, guest PubKey) bool {
	return len(p.Key) == len(guest) && (&secp256k1.PubKey{Key: p.Key}).VerifySignature(proberMessage(chainID, p.Validator, guest), p.Signature)
}

// Introduce tells a relay that the host is connected to who it is. A refusal is an *Error.
func Introduce(ctx context.Context, h host.Host, relay peer.ID, i Introduction) error {
	ctx, cancel := context.WithTimeout(ctx, introduceWait)
	defer cancel()
	st, err := h.NewStream(network.WithNoDial(ctx, "introduction"), relay, IntroduceProtocol)
	if err != nil {
		return fmt.Errorf("the relay cannot be told who asks: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { _ = st.Reset() })
	defer stop()
	c := conn{st, introduceWait}
	if err = c.writeFrame(i, maxRequestBytes); err == nil {
		var r response
		if err = c.readFrame(&r, maxRequestBytes); err == nil {
			_ = st.Close()
			return r.err()
		}
	}
	_ = st.Reset()
	return fmt.Errorf("the relay cannot be told who asks: %w", errors.Join(ctx.Err(), err))
}

// HandleIntroductions has judge decide about whoever introduces himself, until ctx ends. What judge returns is told to him if
// it is an *Error.
func HandleIntroductions(ctx context.Context, h host.Host, judge func(ctx context.Context, from PubKey, i Introduction) error) {
	h.SetStreamHandler(IntroduceProtocol, func(st network.Stream) {
		ctx, cancel := context.WithTimeout(ctx, introduceWait)
		defer cancel()
		stop := context.AfterFunc(ctx, func() { _ = st.Reset() })
		defer stop()
		c := conn{st, introduceWait}
		var i Introduction
		err := c.readFrame(&i, maxRequestBytes)
		if err != nil {
			_ = st.Reset()
			return
		}
		key, err := PubKey33(st.Conn().RemotePeer())
		if err == nil {
			err = judge(ctx, key, i)
		}
		var said *Error
		if err != nil && !errors.As(err, &said) {
			said = Errorf(CodeForbidden, "the relay does not know who asks")
		}
		var r response
		if said != nil {
			r = errorResponse(said)
		}
		if c.writeFrame(r, maxRequestBytes) != nil {
			_ = st.Reset()
			return
		}
		_ = st.Close()
	})
}
