package localnet

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/cosmos/cosmos-sdk/client"
)

// firstBlock waits until the node has made a block since it started.
func firstBlock(ctx context.Context, clientCtx client.Context) error {
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	began := int64(-1)
	for {
		if status, err := clientCtx.Client.Status(ctx); err == nil {
			height := status.SyncInfo.LatestBlockHeight
			if began < 0 {
				began = height
			}
			if height > began {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
}

// serve answers HTTP until ctx ends.
func serve(ctx context.Context, listener net.Listener, handler http.Handler) error {
	server := &http.Server{
		Handler: handler, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second,
		WriteTimeout: confirmTimeout + 10*time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10,
	}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("the faucet stopped: %w", err)
	}
	return nil
}
