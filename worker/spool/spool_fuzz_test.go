package spool

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"testing"
	"time"
)

// A record that the disk gives back is exactly one that was written, or is reported as damaged: a flipped bit never
// becomes another transaction.
func FuzzRecord(f *testing.F) {
	at := time.Unix(1_700_000_000, 0).UTC()
	for _, v := range []any{
		Entry{}, Entry{Key: "receipt/1", Msg: Message{TypeURL: "/emc.compute.v1.MsgSubmitReceipt", Value: []byte{1, 2, 3}}, Created: at, Attempts: 2},
		InFlight{TxBytes: []byte{9}, Hash: "AB", Sequence: 1<<64 - 1, TimeoutHeight: -1, Keys: []string{"a", "b"}, Created: at},
		Record{Outcome: Outcome{Code: 5, Codespace: "sdk", Log: "insufficient \u2028 funds"}, Done: at}, nil, "text", []int{1},
	} {
		data, err := encode(v)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data, uint(13))
	}
	f.Add([]byte{}, uint(0))
	f.Add([]byte{0, 0, 0, 0}, uint(3))
	f.Fuzz(func(t *testing.T, data []byte, flip uint) {
		for _, v := range []any{new(Entry), new(InFlight), new(Record)} {
			// The bytes as they are, and the same bytes under a right checksum: only the second reach the decoder often.
			if err := decode(data, v); err != nil && !errors.Is(err, ErrCorrupt) {
				t.Fatalf("%q: %v does not say that the spool is damaged", data, err)
			}
			body, err := encode(json.RawMessage(data))
			if err != nil || decode(body, v) != nil {
				continue
			}
			stored, err := encode(v)
			if err != nil {
				t.Fatalf("%q is read as %+v, which cannot be written: %v", data, v, err)
			}
			back := reflect.New(reflect.TypeOf(v).Elem()).Interface()
			if err := decode(stored, back); err != nil {
				t.Fatalf("%+v is written as %q, which cannot be read: %v", v, stored, err)
			}
			if again, err := encode(back); err != nil || !bytes.Equal(again, stored) {
				t.Fatalf("%q is read and written as %q (%v)", stored, again, err)
			}
			bit := flip % uint(8*len(stored))
			stored[bit/8] ^= 1 << (bit % 8)
			if err := decode(stored, back); !errors.Is(err, ErrCorrupt) {
				t.Fatalf("bit %d of a record flipped: %v", bit, err)
			}
		}
	})
}
