package spool

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
)

// castagnoli is the polynomial of the checksum before each record: bbolt checks its own pages' structure, not the values,
// and a flipped bit in a signed transaction or a receipt must not be sent.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func encode(v any) ([]byte, error) {
	body, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return append(binary.BigEndian.AppendUint32(nil, crc32.Checksum(body, castagnoli)), body...), nil
}

func decode(data []byte, v any) error {
	if len(data) < 4 || binary.BigEndian.Uint32(data) != crc32.Checksum(data[4:], castagnoli) {
		return fmt.Errorf("%w: a record fails its checksum", ErrCorrupt)
	}
	if err := json.Unmarshal(data[4:], v); err != nil {
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return nil
}

func seqKey(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }
