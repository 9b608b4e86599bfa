package prober

import (
	"context"

	"github.com/edgematrix/emc/pkg/probe"
	"github.com/edgematrix/emc/pkg/transfer"
)

type libp2pAsker struct{ probe.Client }

// NewLibp2p makes an identity that only dials. The client's host is left to it.
func NewLibp2p(ctx context.Context, client probe.Client) (Asker, error) {
	secret, _, err := transfer.NewAccessKey()
	if err != nil {
		return nil, err
	}
	key, err := transfer.HostKey(secret)
	if err != nil {
		return nil, err
	}
	if client.Host, err = transfer.NewHost(ctx, key, nil); err != nil {
		return nil, err
	}
	return &libp2pAsker{client}, nil
}

// Close implements Asker.
func (a *libp2pAsker) Close() error { return a.Host.Close() }
