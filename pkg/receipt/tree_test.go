package receipt_test

import (
	"crypto/sha256"
	"encoding/binary"
	"math/bits"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/pkg/receipt"
)

// naiveRoot is RFC 6962, section 2.1, to the letter.
func naiveRoot(leaves [][]byte) receipt.Digest {
	switch len(leaves) {
	case 0:
		return sha256.Sum256(nil)
	case 1:
		return sha256.Sum256(append([]byte{0}, leaves[0]...))
	}
	k := 1 << (bits.Len(uint(len(leaves)-1)) - 1) // the largest power of two below their number
	left, right := naiveRoot(leaves[:k]), naiveRoot(leaves[k:])
	return sha256.Sum256(append(append([]byte{1}, left[:]...), right[:]...))
}

// naivePath is section 2.1.1.
func naivePath(leaves [][]byte, m int) receipt.Path {
	if len(leaves) == 1 {
		return receipt.Path{}
	}
	k := 1 << (bits.Len(uint(len(leaves)-1)) - 1)
	if m < k {
		return append(naivePath(leaves[:k], m), naiveRoot(leaves[k:]))
	}
	return append(naivePath(leaves[k:], m-k), naiveRoot(leaves[:k]))
}

// leaf is some bytes that differ from leaf to leaf, in length too.
func leaf(i int) []byte {
	b := binary.BigEndian.AppendUint64([]byte("leaf "), uint64(i))
	return append(b, make([]byte, i%7)...)
}

func leaves(n int) (raw [][]byte, hashes []receipt.Digest) {
	for i := range n {
		raw = append(raw, leaf(i))
		hashes = append(hashes, receipt.LeafHash(leaf(i)))
	}
	return raw, hashes
}

func TestFrontierIsRFC6962(t *testing.T) {
	raw, _ := leaves(300)
	var f receipt.Frontier
	for n := 0; ; n++ {
		require.Equal(t, uint64(n), f.Count())
		require.Equal(t, naiveRoot(raw[:n]), f.Root(), "%d leaves", n)
		data := encoded(t, f)
		require.Len(t, data, 8+32*bits.OnesCount(uint(n)))
		again, err := receipt.UnmarshalFrontier(data)
		require.NoError(t, err)
		require.Equal(t, f, again)
		if n == len(raw) {
			break
		}
		f = again // each leaf goes to a tree that came back from the disk
		before := f
		require.NoError(t, f.Append(raw[n]))
		require.Equal(t, uint64(n), before.Count(), "a copy is a tree of its own")
		require.Equal(t, naiveRoot(raw[:n]), before.Root())
	}
}

func TestFrontierIsRefused(t *testing.T) {
	var f receipt.Frontier
	for i := range 5 {
		require.NoError(t, f.Append(leaf(i)))
	}
	good := encoded(t, f)
	for n := range good {
		_, err := receipt.UnmarshalFrontier(good[:n])
		require.ErrorIs(t, err, receipt.ErrLength)
	}
	_, err := receipt.UnmarshalFrontier(append(good, 0))
	require.ErrorIs(t, err, receipt.ErrLength)
	_, err = receipt.UnmarshalFrontier(binary.BigEndian.AppendUint64(nil, receipt.MaxCount+1))
	require.ErrorIs(t, err, receipt.ErrCount)
	_, err = receipt.UnmarshalFrontier(binary.BigEndian.AppendUint64(nil, 1<<63))
	require.ErrorIs(t, err, receipt.ErrCount)
	for i := range good { // a flipped byte never gives the same tree
		bad := append([]byte(nil), good...)
		bad[i] ^= 1
		if g, err := receipt.UnmarshalFrontier(bad); err == nil {
			require.False(t, g.Root() == f.Root() && g.Count() == f.Count(), "byte %d", i)
		}
	}
}

func TestFrontierAtItsLimit(t *testing.T) {
	almost := binary.BigEndian.AppendUint64(nil, receipt.MaxCount-1)
	almost = append(almost, make([]byte, receipt.MaxDepth*32)...)
	require.Len(t, almost, receipt.MaxFrontierBytes)
	f, err := receipt.UnmarshalFrontier(almost)
	require.NoError(t, err)
	require.NoError(t, f.Append(leaf(0)))
	require.Equal(t, uint64(receipt.MaxCount), f.Count())
	before := f
	require.ErrorIs(t, f.Append(leaf(1)), receipt.ErrFull)
	require.Equal(t, before, f)
	full := encoded(t, f)
	require.Len(t, full, 8+32)
	again, err := receipt.UnmarshalFrontier(full)
	require.NoError(t, err)
	require.Equal(t, f, again)
	require.Equal(t, receipt.Digest(full[8:]), again.Root())
}

func TestPathsOfEveryLeaf(t *testing.T) {
	raw, hashes := leaves(70)
	for n := 1; n <= len(raw); n++ {
		root := naiveRoot(raw[:n])
		for i := range n {
			path, err := receipt.BuildPath(hashes[:n], uint64(i))
			require.NoError(t, err)
			require.Equal(t, naivePath(raw[:n], i), path, "%d of %d", i, n)
			length, err := receipt.PathLen(uint64(n), uint64(i))
			require.NoError(t, err)
			require.Len(t, path, length)
			require.NoError(t, receipt.VerifyPath(root, uint64(n), uint64(i), raw[i], path))
			again, err := receipt.UnmarshalPath(encoded(t, path))
			require.NoError(t, err)
			require.Equal(t, path, again)
			for other := range uint64(n + 2) { // a path proves one place only
				if other != uint64(i) {
					require.Error(t, receipt.VerifyPath(root, uint64(n), other, raw[i], path))
				}
			}
			require.Error(t, receipt.VerifyPath(root, uint64(n), uint64(i), leaf(1000), path))
			for h := range path {
				bad := append(receipt.Path(nil), path...)
				bad[h][31] ^= 1
				require.ErrorIs(t, receipt.VerifyPath(root, uint64(n), uint64(i), raw[i], bad), receipt.ErrPath)
			}
		}
	}
}

// A count that is not the root's is found out whenever it changes the way; where it does not, the place is the same.
func TestPathsOfAnotherCount(t *testing.T) {
	raw, hashes := leaves(9)
	root := naiveRoot(raw)
	last, err := receipt.BuildPath(hashes, 8)
	require.NoError(t, err)
	require.NoError(t, receipt.VerifyPath(root, 9, 8, raw[8], last))
	require.ErrorIs(t, receipt.VerifyPath(root, 10, 8, raw[8], last), receipt.ErrPathLength)
	require.ErrorIs(t, receipt.VerifyPath(root, 8, 8, raw[8], last), receipt.ErrIndex)
	// The root's own children are no leaf: 65 bytes are hashed with the leaf's prefix.
	left, right := naiveRoot(raw[:8]), naiveRoot(raw[8:])
	require.ErrorIs(t, receipt.VerifyPath(root, 1, 0, append(left[:], right[:]...), nil), receipt.ErrPath)
}

func TestPathIsRefusedBeforeHashing(t *testing.T) {
	_, hashes := leaves(5)
	huge := make([]byte, 1<<20)
	for name, c := range map[string]struct {
		count, index uint64
		path         receipt.Path
		want         error
	}{
		"no tree":        {0, 0, nil, receipt.ErrIndex},
		"past the end":   {5, 5, receipt.Path(hashes[:1]), receipt.ErrIndex},
		"far past":       {5, 1 << 63, nil, receipt.ErrIndex},
		"too short":      {5, 0, receipt.Path(hashes[:2]), receipt.ErrPathLength},
		"too long":       {5, 0, receipt.Path(hashes[:4]), receipt.ErrPathLength},
		"none":           {5, 0, nil, receipt.ErrPathLength},
		"far too long":   {5, 0, make(receipt.Path, 1<<20), receipt.ErrPathLength},
		"one leaf":       {1, 0, receipt.Path(hashes[:1]), receipt.ErrPathLength},
		"too deep":       {receipt.MaxCount + 1, 0, make(receipt.Path, 41), receipt.ErrCount},
		"far too deep":   {1 << 63, 0, make(receipt.Path, 63), receipt.ErrCount},
		"deepest, short": {receipt.MaxCount, 1, make(receipt.Path, 39), receipt.ErrPathLength},
	} {
		err := receipt.VerifyPath(receipt.EmptyRoot(), c.count, c.index, huge, c.path)
		require.ErrorIs(t, err, c.want, name)
	}
	require.ErrorIs(t, receipt.VerifyPath(receipt.EmptyRoot(), receipt.MaxCount, 1, nil, make(receipt.Path, 40)), receipt.ErrPath)
	_, err := receipt.BuildPath(hashes, 5)
	require.ErrorIs(t, err, receipt.ErrIndex)
	_, err = receipt.BuildPath(nil, 0)
	require.ErrorIs(t, err, receipt.ErrIndex)
	_, err = receipt.UnmarshalPath(make([]byte, 41*32))
	require.ErrorIs(t, err, receipt.ErrPathLength)
	_, err = receipt.UnmarshalPath(make([]byte, 33))
	require.ErrorIs(t, err, receipt.ErrLength)
	_, err = make(receipt.Path, 41).MarshalBinary()
	require.ErrorIs(t, err, receipt.ErrPathLength)
}

func TestReceiptIsIncluded(t *testing.T) {
	p := cast(t)
	var f receipt.Frontier
	var all []receipt.Receipt
	var hashes []receipt.Digest
	for i := range uint64(11) {
		r := p.unsignedReceipt(t)
		r.Sequence = i
		r, err := r.Sign(chainID, p.node)
		require.NoError(t, err)
		require.NoError(t, f.Append(encoded(t, r)))
		all, hashes = append(all, r), append(hashes, receipt.LeafHash(encoded(t, r)))
	}
	v := receipt.Voucher{Lane: p.lane(true), KeyID: 1, Amount: 11, Count: f.Count(), Root: f.Root()}
	for i, r := range all {
		path, err := receipt.BuildPath(hashes, uint64(i))
		require.NoError(t, err)
		require.NoError(t, r.VerifyIncluded(v, path))
		r.Units++
		require.ErrorIs(t, r.VerifyIncluded(v, path), receipt.ErrPath)
		other := v
		other.Router = receipt.Address{}
		require.ErrorIs(t, all[i].VerifyIncluded(other, path), receipt.ErrVoucher)
		other = v
		other.Count = uint64(i)
		require.ErrorIs(t, all[i].VerifyIncluded(other, path), receipt.ErrVoucher)
	}
}
