package receipt

import (
	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	"github.com/decred/dcrd/dcrec/secp256k1/v4/ecdsa"
)

// A scalar of 256 bits is 52 digits of 5 bits, each from −15 to 16; the last one has room for the carry.
const (
	digitBits = 5
	digits    = 52
	multiples = 1 << (digitBits - 1)
)

// TableBytes is the memory of a precomputed key.
const TableBytes = digits * multiples * 80

type affine struct{ x, y secp256k1.FieldVal }

// table holds the multiples 1 to 16 of 32^i·Q for all 52 digits, so that a multiple of the key Q takes 52 additions and no
// doubling. Everything here is public, so it need not take the same time for all inputs.
type table [digits][multiples]affine

func newTable(key *secp256k1.PublicKey) *table {
	points := make([]secp256k1.JacobianPoint, digits*multiples)
	var base secp256k1.JacobianPoint // 32^i·Q
	key.AsJacobian(&base)
	for i := 0; i < len(points); i += multiples {
		points[i] = base
		for j := 1; j < multiples; j++ {
			secp256k1.AddNonConst(&points[i+j-1], &base, &points[i+j])
		}
		secp256k1.DoubleNonConst(&points[i+multiples-1], &base)
	}
	t := new(table)
	for i, inverse := range invertZ(points) {
		var square, cube secp256k1.FieldVal
		square.SquareVal(&inverse)
		cube.Mul2(&square, &inverse)
		p := &t[i/multiples][i%multiples]
		p.x.Mul2(&points[i].X, &square).Normalize()
		p.y.Mul2(&points[i].Y, &cube).Normalize()
	}
	return t
}

// invertZ inverts all Z with a single inversion: before[i] is the product of those before i. None is zero, because the
// group's order is a prime above every multiple.
func invertZ(points []secp256k1.JacobianPoint) []secp256k1.FieldVal {
	before := make([]secp256k1.FieldVal, len(points))
	var product secp256k1.FieldVal
	product.SetInt(1)
	for i := range points {
		before[i] = product
		product.Mul(&points[i].Z)
	}
	product.Inverse()
	for i := len(points) - 1; i >= 0; i-- {
		before[i].Mul(&product)
		product.Mul(&points[i].Z)
	}
	return before
}

// addMultiple adds k·Q to sum.
func (t *table) addMultiple(k *secp256k1.ModNScalar, sum *secp256k1.JacobianPoint) {
	bytes := k.Bytes()
	carry := 0
	var term, out secp256k1.JacobianPoint
	term.Z.SetInt(1)
	for i := range digits {
		digit := bitsAt(&bytes, i*digitBits) + carry
		carry = 0
		if digit > multiples {
			digit, carry = digit-2*multiples, 1
		}
		switch {
		case digit == 0:
			continue
		case digit > 0:
			term.X, term.Y = t[i][digit-1].x, t[i][digit-1].y
		default:
			term.X, term.Y = t[i][-digit-1].x, t[i][-digit-1].y
			term.Y.Negate(1).Normalize()
		}
		secp256k1.AddNonConst(sum, &term, &out)
		*sum = out
	}
}

// bitsAt are the 5 bits from a place on, counted from the lowest, of a big-endian number.
func bitsAt(b *[32]byte, at int) int {
	low := 31 - at/8
	pair := int(b[low])
	if low > 0 {
		pair |= int(b[low-1]) << 8
	}
	return pair >> (at % 8) & (1<<digitBits - 1)
}

// verify is ecdsa.Signature.Verify with u2·Q from the table: X = u1·G + u2·Q, and R is the x coordinate of X modulo the
// group's order. It compares in projective coordinates, as that does, to save an inversion.
func (t *table) verify(digest [32]byte, signature *ecdsa.Signature) bool {
	r, s := signature.R(), signature.S()
	var e, inverse, u1, u2 secp256k1.ModNScalar
	e.SetBytes(&digest)
	inverse.InverseValNonConst(&s)
	u1.Mul2(&e, &inverse)
	u2.Mul2(&r, &inverse)
	var sum secp256k1.JacobianPoint
	secp256k1.ScalarBaseMultNonConst(&u1, &sum)
	t.addMultiple(&u2, &sum)
	if (sum.X.IsZero() && sum.Y.IsZero()) || sum.Z.IsZero() {
		return false
	}
	var square, x, got secp256k1.FieldVal
	square.SquareVal(&sum.Z)
	raw := r.Bytes()
	x.SetBytes(&raw)
	if got.Mul2(&x, &square).Normalize().Equals(&sum.X) {
		return true
	}
	// The x coordinate can be R plus the order, where that is below the field's prime.
	if x.IsGtOrEqPrimeMinusOrder() {
		return false
	}
	x.Add(orderInField()).Normalize()
	return got.Mul2(&x, &square).Normalize().Equals(&sum.X)
}

// orderInField is the group's order as a value of the field.
func orderInField() *secp256k1.FieldVal {
	var minusOne secp256k1.ModNScalar
	minusOne.SetInt(1).Negate()
	raw := minusOne.Bytes()
	var order secp256k1.FieldVal
	order.SetBytes(&raw)
	return order.AddInt(1).Normalize()
}
