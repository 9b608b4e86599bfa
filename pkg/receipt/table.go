package receipt

import (
	"sync"

	"github.com/consensys/gnark-crypto/ecc/secp256k1"
	"github.com/consensys/gnark-crypto/ecc/secp256k1/fp"
	"github.com/consensys/gnark-crypto/ecc/secp256k1/fr"
	dcrec "github.com/decred/dcrd/dcrec/secp256k1/v4"
	"github.com/decred/dcrd/dcrec/secp256k1/v4/ecdsa"
)

const (
	scalarBits = 256
	// A key's digits have 5 bits: a bit more saves an addition in ten and doubles the memory.
	keyWidth  = 5
	baseWidth = 8
)

// TableBytes is the memory of a precomputed key.
const TableBytes = (scalarBits/keyWidth + 1) << (keyWidth - 1) * 2 * fp.Bytes

// table holds the multiples 1 to 2^(width−1) of 2^(width·i)·Q for every digit i, so that a multiple of Q takes one addition
// for each digit and no doubling: a scalar's digits are from −2^(width−1)+1 to 2^(width−1), and the last one has room for
// the carry. It does not take the same time for all inputs.
type table struct {
	width  int
	points []secp256k1.G1Affine
}

// base is the table of the curve's generator, for signatures and for all keys.
var base = sync.OnceValue(func() *table {
	_, g := secp256k1.Generators()
	return newTable(&g, baseWidth)
})

func newTable(q *secp256k1.G1Affine, width int) *table {
	row := 1 << (width - 1)
	points := make([]secp256k1.G1Jac, (scalarBits/width+1)*row)
	var first secp256k1.G1Jac // 2^(width·i)·Q
	first.FromAffine(q)
	for i := 0; i < len(points); i += row {
		points[i] = first
		for j := 1; j < row; j++ {
			points[i+j] = points[i+j-1]
			points[i+j].AddAssign(&first)
		}
		first.Double(&points[i+row-1])
	}
	return &table{width, secp256k1.BatchJacobianToAffineG1(points)}
}

// affineOf is a parsed key for the arithmetic of tables.
func affineOf(key *dcrec.PublicKey) *secp256k1.G1Affine {
	raw := key.SerializeUncompressed() // 4 ‖ x ‖ y
	p := new(secp256k1.G1Affine)
	p.X.SetBytes(raw[1:33])
	p.Y.SetBytes(raw[33:])
	return p
}

// addMultiple adds k·Q to sum.
func (t *table) addMultiple(k *dcrec.ModNScalar, sum *secp256k1.G1Jac) {
	scalar := k.Bytes()
	row, carry := 1<<(t.width-1), 0
	for at, points := 0, t.points; len(points) > 0; at, points = at+t.width, points[row:] {
		digit := bitsAt(&scalar, at, t.width) + carry
		carry = 0
		if digit > row {
			digit, carry = digit-2*row, 1
		}
		switch {
		case digit > 0:
			sum.AddMixed(&points[digit-1])
		case digit < 0:
			var minus secp256k1.G1Affine
			sum.AddMixed(minus.Neg(&points[-digit-1]))
		}
	}
}

// bitsAt are up to 8 bits from a place on, counted from the lowest, of a big-endian number; zeros beyond it.
func bitsAt(b *[32]byte, at, width int) int {
	low := 31 - at/8
	if low < 0 {
		return 0
	}
	pair := int(b[low])
	if low > 0 {
		pair |= int(b[low-1]) << 8
	}
	return pair >> (at % 8) & (1<<width - 1)
}

// verify is ecdsa.Signature.Verify with tables: X = u1·G + u2·Q, and R is the x coordinate of X modulo the group's order. It
// compares in projective coordinates, as that does, to save an inversion. Everything here is public.
func (t *table) verify(digest [32]byte, signature *ecdsa.Signature) bool {
	r, s := signature.R(), signature.S()
	var e, inverse, u1, u2 dcrec.ModNScalar
	e.SetBytes(&digest)
	inverse = inverseOf(&s)
	u1.Mul2(&e, &inverse)
	u2.Mul2(&r, &inverse)
	var sum secp256k1.G1Jac // Z is zero: nothing yet
	base().addMultiple(&u1, &sum)
	t.addMultiple(&u2, &sum)
	if sum.Z.IsZero() {
		return false
	}
	raw := r.Bytes()
	var square, x, got fp.Element
	square.Square(&sum.Z)
	x.SetBytes(raw[:])
	if got.Mul(&x, &square).Equal(&sum.X) {
		return true
	}
	// The x coordinate can be R plus the order, where that is below the field's prime.
	var field dcrec.FieldVal
	field.SetBytes(&raw)
	if field.IsGtOrEqPrimeMinusOrder() {
		return false
	}
	order := orderInField()
	x.Add(&x, &order)
	return got.Mul(&x, &square).Equal(&sum.X)
}

// inverseOf is 1/k modulo the group's order, not in the same time for all inputs. The scalar's own inversion takes ten times
// as long.
func inverseOf(k *dcrec.ModNScalar) (out dcrec.ModNScalar) {
	raw := k.Bytes()
	var e fr.Element
	e.SetBytes(raw[:])
	e.Inverse(&e)
	raw = e.Bytes()
	out.SetBytes(&raw)
	return out
}

// orderInField is the group's order as a value of the field.
func orderInField() fp.Element {
	var minusOne dcrec.ModNScalar
	minusOne.SetInt(1).Negate()
	raw := minusOne.Bytes()
	var order, one fp.Element
	order.SetBytes(raw[:])
	one.SetOne()
	order.Add(&order, &one)
	return order
}
