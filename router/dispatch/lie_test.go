package dispatch_test

import (
	"encoding/binary"
	"io"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/pkg/receipt"
	"github.com/edgematrix/emc/pkg/session/call"
)

// lie answers a call by a head, and a receipt over more than it told.
func (n *node) lie(stream io.ReadWriteCloser) {
	defer stream.Close()
	f, err := call.ReadFrame(stream)
	if err != nil || f.Kind != call.KindCall {
		return
	}
	size := binary.BigEndian.Uint32(f.Payload)
	request, err := receipt.UnmarshalRequest(f.Payload[4 : 4+size])
	require.NoError(n, err)
	n.mu.Lock()
	n.calls++
	n.mu.Unlock()
	told := binary.BigEndian.AppendUint64(nil, callPrice)
	told = binary.BigEndian.AppendUint64(told, 0)
	r := receipt.Receipt{Request: request, Amount: callPrice + 1, StartedMs: 1, FinishedMs: 2, Status: receipt.StatusComplete}
	b, err := receipt.ReceiptSignBytes(chainID, r)
	require.NoError(n, err)
	raw, err := n.key.Sign(b)
	require.NoError(n, err)
	r.Signature = receipt.Signature(raw)
	b, err = r.MarshalBinary()
	require.NoError(n, err)
	for _, f := range []call.Frame{
		{Kind: call.KindData, Payload: append(told, "HTTP/1.1 200 OK\r\n\r\n"...)},
		{Kind: call.KindReceipt, Payload: append(make([]byte, 32), b...)},
	} {
		b, err := call.AppendFrame(nil, f)
		require.NoError(n, err)
		if _, err := stream.Write(b); err != nil {
			return
		}
	}
}

// tooLate refuses the first call of a stream as a node does that was asked meanwhile what became of the lane's calls.
func tooLate(stream io.ReadWriteCloser) {
	if _, err := call.ReadFrame(stream); err != nil {
		return
	}
	b, err := call.AppendFrame(nil, call.Frame{Kind: call.KindError, Payload: append([]byte{byte(call.CodeNonce), 0, 0, 0, 0}, "void"...)})
	if err == nil {
		_, _ = stream.Write(b)
	}
}

// silent takes what comes, and says nothing.
func silent(stream io.ReadWriteCloser) { _, _ = io.Copy(io.Discard, stream) }
