package amx

import (
	"encoding/binary"
	"fmt"
)

const (
	tileRows  = 16
	tileBytes = 64
)

// tiles is one thread's tile state.
type tiles struct {
	configured bool
	rows       [8]int
	width      [8]int // bytes a row
	data       [8][tileRows][tileBytes]byte
}

// configure is LDTILECFG.
func (t *tiles) configure(config [64]byte) error {
	*t = tiles{configured: true}
	if config[0] != 1 {
		return fmt.Errorf("palette %d, expected 1", config[0])
	}
	for i := range t.rows {
		t.width[i] = int(binary.LittleEndian.Uint16(config[16+2*i:]))
		t.rows[i] = int(config[48+i])
		if t.width[i] > tileBytes || t.rows[i] > tileRows {
			return fmt.Errorf("tile %d has %d rows of %d bytes", i, t.rows[i], t.width[i])
		}
	}
	return nil
}

// dot is TDPBSSD: dst += a·b, four signed bytes by four signed bytes.
func (t *tiles) dot(dst, a, b int) error {
	if dst == a || dst == b || a == b {
		return fmt.Errorf("tiles %d, %d and %d are not all different", dst, a, b)
	}
	if t.width[a]/4 != t.rows[b] || t.rows[dst] != t.rows[a] || t.width[dst] != t.width[b] {
		return fmt.Errorf("tiles %d, %d and %d do not fit together", dst, a, b)
	}
	for m := range t.rows[dst] {
		for n := range t.width[dst] / 4 {
			sum := binary.LittleEndian.Uint32(t.data[dst][m][4*n:])
			for k := range t.width[a] / 4 {
				for i := range 4 {
					sum += uint32(int32(int8(t.data[a][m][4*k+i])) * int32(int8(t.data[b][k][4*n+i])))
				}
			}
			binary.LittleEndian.PutUint32(t.data[dst][m][4*n:], sum)
		}
	}
	return nil
}
