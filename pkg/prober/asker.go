package prober

import (
	"context"
	"errors"

	"github.com/libp2p/go-libp2p/core/host"

	"github.com/edgematrix/emc/pkg/probe"
	"github.com/edgematrix/emc/pkg/transfer"
)

type libp2pAsker struct{ probe.Client }

// NewLibp2p makes identities that only dial: one for nodes and routers, and one to reach nodes through routers, which are told
// what introduce returns of its key. The client's hosts are left to it.
func NewLibp2p(ctx context.Context, client probe.Client, introduce func(transfer.PubKey) (transfer.Introduction, error)) (_ Asker, err error) {
	a := &libp2pAsker{client}
	defer func() {
		if err != nil {
			err = errors.Join(err, a.Close())
		}
	}()
	if a.Host, _, err = identity(ctx); err != nil {
		return nil, err
	}
	var key transfer.PubKey
	if a.Through, key, err = identity(ctx); err != nil {
		return nil, err
	}
	if a.Introduction, err = introduce(key); err != nil {
		return nil, err
	}
	return a, nil
}

func identity(ctx context.Context) (host.Host, transfer.PubKey, error) {
	secret, public, err := transfer.NewAccessKey()
	if err != nil {
		return nil, public, err
	}
	key, err := transfer.HostKey(secret)
	if err != nil {
		return nil, public, err
	}
	h, err := transfer.NewHost(ctx, key, nil)
	return h, public, err
}

// Close implements Asker.
func (a *libp2pAsker) Close() (err error) {
	for _, h := range []host.Host{a.Host, a.Through} {
		if h != nil {
			err = errors.Join(err, h.Close())
		}
	}
	return err
}
