package chainclient

import (
	"context"
	"errors"
	"fmt"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	rpcclient "github.com/cometbft/cometbft/rpc/client"

	sdkerrors "github.com/cosmos/cosmos-sdk/types/errors"
)

// conn carries gRPC queries over ABCI: the RPC endpoint is then all that a
// worker needs, and, other than the SDK's own, it ends with its context.
type conn struct{ c *Client }

// Conn is a connection for the generated query clients of any module.
func (c *Client) Conn() grpc.ClientConnInterface { return conn{c} }

// Invoke implements grpc.ClientConnInterface.
func (q conn) Invoke(ctx context.Context, method string, args, reply any, _ ...grpc.CallOption) error {
	codec := q.c.Codec.GRPCCodec()
	body, err := codec.Marshal(args)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, q.c.cfg.Timeout)
	defer cancel()
	result, err := q.c.rpc.ABCIQueryWithOptions(ctx, method, body, rpcclient.ABCIQueryOptions{})
	if err != nil {
		return fmt.Errorf("the chain's node at %s does not answer: %w", q.c.cfg.RPC, plain(err))
	}
	if !result.Response.IsOK() {
		return status.Error(codeOf(result.Response.Codespace, result.Response.Code), result.Response.Log)
	}
	return codec.Unmarshal(result.Response.Value, reply)
}

// NewStream implements grpc.ClientConnInterface.
func (conn) NewStream(context.Context, *grpc.StreamDesc, string, ...grpc.CallOption) (grpc.ClientStream, error) {
	return nil, errors.New("streams are not available over ABCI")
}

func codeOf(codespace string, code uint32) codes.Code {
	if codespace != sdkerrors.RootCodespace {
		return codes.Unknown
	}
	switch code {
	case sdkerrors.ErrKeyNotFound.ABCICode(), sdkerrors.ErrNotFound.ABCICode():
		return codes.NotFound
	case sdkerrors.ErrInvalidRequest.ABCICode():
		return codes.InvalidArgument
	case sdkerrors.ErrUnauthorized.ABCICode():
		return codes.Unauthenticated
	default:
		return codes.Unknown
	}
}

// ErrNotFound is wrapped when the chain has no such object.
var ErrNotFound = errors.New("not found on the chain")

func notFound(what string, err error) error {
	if status.Code(err) == codes.NotFound {
		return fmt.Errorf("%s: %w", what, ErrNotFound)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// IsRefusal tells whether an error is the chain's own answer, as opposed to a
// node that could not be asked.
func IsRefusal(err error) bool {
	_, answered := status.FromError(err)
	return err != nil && answered
}
