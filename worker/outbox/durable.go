package outbox

import (
	"fmt"
	"slices"

	"github.com/cosmos/gogoproto/proto"

	"github.com/cosmos/cosmos-sdk/codec"
	codectypes "github.com/cosmos/cosmos-sdk/codec/types"
	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/worker/spool"
)

// Durable is a Spool in a file of worker/spool.
type Durable struct {
	file  *spool.Spool
	codec codec.Codec
}

var _ Spool = (*Durable)(nil)

// NewDurable keeps messages in file.
func NewDurable(file *spool.Spool, c codec.Codec) *Durable { return &Durable{file: file, codec: c} }

// Put stores a message, once for each key. Added is false when the key has had
// its message before, be it waiting or done.
func (d *Durable) Put(key string, msg sdk.Msg) (added bool, err error) {
	body, err := proto.Marshal(msg)
	if err != nil {
		return false, err
	}
	before, err := d.file.Put(key, spool.Message{TypeURL: sdk.MsgTypeURL(msg), Value: body})
	return before == spool.StateUnknown, err
}

// Pending implements Spool.
func (d *Durable) Pending(limit int) ([]Message, error) {
	entries, err := d.file.Pending(limit)
	if err != nil {
		return nil, err
	}
	out := make([]Message, len(entries))
	for i, e := range entries {
		out[i] = Message{Key: e.Key, Created: e.Created}
		var msg sdk.Msg
		if err := d.codec.UnpackAny(&codectypes.Any{TypeUrl: e.Msg.TypeURL, Value: e.Msg.Value}, &msg); err != nil {
			out[i].Broken = fmt.Errorf("%s: %w", e.Msg.TypeURL, err)
		}
		out[i].Msg = msg
	}
	return out, nil
}

// Waiting returns the keys that are in no block yet.
func (d *Durable) Waiting() (map[string]bool, error) {
	entries, err := d.file.Pending(spool.MaxPending)
	if err != nil {
		return nil, err
	}
	out := make(map[string]bool, len(entries))
	for _, e := range entries {
		out[e.Key] = true
	}
	flight, err := d.file.InFlight()
	if err != nil {
		return nil, err
	}
	if flight != nil {
		for _, key := range flight.Keys {
			if state, err := d.file.State(key); err != nil {
				return nil, err
			} else if state != spool.StateDone {
				out[key] = true
			}
		}
	}
	return out, nil
}

// InFlight implements Spool.
func (d *Durable) InFlight() (*Flight, error) {
	f, err := d.file.InFlight()
	if err != nil || f == nil {
		return nil, err
	}
	return &Flight{Bytes: f.TxBytes, Hash: f.Hash, Sequence: f.Sequence, TimeoutHeight: f.TimeoutHeight, Keys: f.Keys}, nil
}

// SetInFlight implements Spool.
func (d *Durable) SetInFlight(f Flight) error {
	return d.file.SetInFlight(spool.InFlight{
		TxBytes: f.Bytes, Hash: f.Hash, Sequence: f.Sequence, TimeoutHeight: f.TimeoutHeight, Keys: slices.Clone(f.Keys),
	})
}

// Release implements Spool.
func (d *Durable) Release(hash string) error { return d.file.Release(hash) }

// Done implements Spool.
func (d *Durable) Done(keys []string, o Outcome) error {
	return d.file.Done(keys, spool.Outcome{TxHash: o.Hash, Height: o.Height, Log: o.Dropped})
}
