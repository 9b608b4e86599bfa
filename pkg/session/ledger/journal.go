package ledger

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
)

// A journal is a file of batches in their order:
//
//	magic 8 ‖ u64 generation ‖ u32 checksum
//	u64 number ‖ u32 length ‖ u32 checksum of both ‖ payload ‖ u32 checksum of the payload, never 0
//
// It is only ever appended to, one write at a time, so that a crash can cut the last write short and harm nothing else.
// The checksum at the end of a record is never 0: what ends in zeros, as some file systems leave it, was never whole,
// and was told to nobody. Anything else that fails its checks was damaged later.
const (
	journalMagic  = "EMCJRNL1"
	journalHead   = 8 + 8 + 4
	recordHead    = 8 + 4 + 4
	recordTail    = 4
	maxRecord     = 1 << 30
	opSet         = 1
	opDelete      = 2
	opEnd         = 3 // of the journal: another one follows
	journalSuffix = "-journal."
)

// castagnoli is the polynomial of all checksums: a flipped bit in an amount must not be signed.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func checksum(b []byte) uint32 { return max(crc32.Checksum(b, castagnoli), 1) }

func journalPath(base string, generation uint64) string {
	return fmt.Sprintf("%s%s%d", base, journalSuffix, generation)
}

// journal is the one that is written.
type journal struct {
	file       *os.File
	generation uint64
	size       int64
}

// createJournal makes an empty one, durable with its name. It takes the place of one that says nothing.
func createJournal(base string, generation uint64) (*journal, error) {
	name := base + "-new"
	f, err := os.OpenFile(name, os.O_CREATE|os.O_TRUNC|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	j := &journal{file: f, generation: generation}
	head := binary.BigEndian.AppendUint64([]byte(journalMagic), generation)
	err = j.write(binary.BigEndian.AppendUint32(head, checksum(head)))
	if err == nil {
		err = os.Rename(name, journalPath(base, generation))
	}
	if err == nil {
		err = syncFolder(base)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return j, nil
}

// write appends, and returns when it is durable.
func (j *journal) write(b []byte) error {
	n, err := j.file.Write(b)
	j.size += int64(n)
	if err != nil {
		return err
	}
	return dataSync(j.file)
}

// appendRecord frames a batch.
func appendRecord(b []byte, number uint64, ops []Op) []byte {
	begin := len(b)
	b = append(b, make([]byte, recordHead)...)
	for _, op := range ops {
		if op.Value == nil {
			b = appendField(append(b, opDelete), op.Key)
			continue
		}
		b = appendField(appendField(append(b, opSet), op.Key), op.Value)
	}
	return sealRecord(b, begin, number)
}

// appendEnd frames the end of a journal.
func appendEnd(b []byte, number uint64) []byte {
	begin := len(b)
	return sealRecord(append(append(b, make([]byte, recordHead)...), opEnd), begin, number)
}

func sealRecord(b []byte, begin int, number uint64) []byte {
	head, payload := b[begin:begin+recordHead], b[begin+recordHead:]
	binary.BigEndian.PutUint64(head, number)
	binary.BigEndian.PutUint32(head[8:], uint32(len(payload)))
	binary.BigEndian.PutUint32(head[12:], checksum(head[:12]))
	return binary.BigEndian.AppendUint32(b, checksum(payload))
}

func appendField(b, field []byte) []byte {
	return append(binary.BigEndian.AppendUint32(b, uint32(len(field))), field...)
}

// replay is what stands in a journal.
type replay struct {
	records uint64
	ended   bool // another one follows
	torn    bool // its last write was cut short
}

// readJournal gives all ops of a file to apply, in their order.
func readJournal(path string, generation uint64, apply func(Op)) (r replay, err error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return r, err
	}
	if len(data) < journalHead || string(data[:8]) != journalMagic || binary.BigEndian.Uint64(data[8:]) != generation ||
		binary.BigEndian.Uint32(data[16:]) != checksum(data[:16]) {
		return r, fmt.Errorf("%s does not begin as a journal", path)
	}
	for at := journalHead; at < len(data); {
		payload, next, err := nextRecord(data, at, r.records+1)
		switch {
		case errors.Is(err, errTorn):
			r.torn = true
			return r, nil
		case err != nil:
			return r, fmt.Errorf("%s, byte %d: %w", path, at, err)
		case r.ended:
			return r, fmt.Errorf("%s, byte %d: a record after its end", path, at)
		}
		if r.ended, err = readOps(payload, apply); err != nil {
			return r, fmt.Errorf("%s, byte %d: %w", path, at, err)
		}
		r.records++
		at = next
	}
	return r, nil
}

var errTorn = errors.New("the last write was cut short")

func nextRecord(data []byte, at int, number uint64) (payload []byte, next int, err error) {
	rest := data[at:]
	zeros := binary.BigEndian.Uint32(data[len(data)-4:]) == 0 // which no whole record ends in
	if len(rest) < recordHead {
		return nil, 0, errTorn
	}
	head := rest[:recordHead]
	if binary.BigEndian.Uint32(head[12:]) != checksum(head[:12]) {
		if zeros {
			return nil, 0, errTorn
		}
		return nil, 0, errors.New("the head of a record fails its checksum")
	}
	if have := binary.BigEndian.Uint64(head); have != number {
		return nil, 0, fmt.Errorf("record %d where %d was expected", have, number)
	}
	length := int(binary.BigEndian.Uint32(head[8:]))
	if length > maxRecord {
		return nil, 0, fmt.Errorf("a record of %d bytes", length)
	}
	if len(rest) < recordHead+length+recordTail {
		return nil, 0, errTorn
	}
	payload = rest[recordHead : recordHead+length]
	if binary.BigEndian.Uint32(rest[recordHead+length:]) != checksum(payload) {
		if zeros {
			return nil, 0, errTorn
		}
		return nil, 0, errors.New("a record fails its checksum")
	}
	return payload, at + recordHead + length + recordTail, nil
}

func readOps(b []byte, apply func(Op)) (ended bool, err error) {
	field := func() (out []byte) {
		if len(b) < 4 || uint64(len(b)-4) < uint64(binary.BigEndian.Uint32(b)) {
			err = errors.New("a record ends too soon")
			return nil
		}
		n := int(binary.BigEndian.Uint32(b))
		out, b = b[4:4+n:4+n], b[4+n:]
		return out
	}
	for len(b) > 0 && err == nil {
		kind := b[0]
		b = b[1:]
		var op Op
		switch kind {
		case opSet:
			op.Key, op.Value = field(), field()
		case opDelete:
			op.Key = field()
		case opEnd:
			return true, nil
		default:
			return false, fmt.Errorf("operation %d", kind)
		}
		if err == nil {
			apply(op)
		}
	}
	return false, err
}
