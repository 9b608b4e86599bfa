package jobclient

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/libp2p/go-libp2p/core/host"

	"github.com/edgematrix/emc/pkg/transfer"
)

// attempt is something to do with a worker, and what to do about its failing.
type attempt struct {
	node  string
	until time.Time // zero: as long as the context lasts
	// then says in words what comes of it when the worker stays silent.
	then string
	// quiet keeps the first attempts silent: a worker learns of a new job from the chain, as the customer does.
	quiet time.Duration
	// final says which errors trying again cannot change.
	final func(error) bool
	act   func(context.Context, *transfer.Client) error
}

// insist dials the job's node and acts, again and again. The endpoints are looked up anew each time, since a worker may
// come back elsewhere.
func (c *Client) insist(ctx context.Context, rec *Record, a attempt) error {
	defer c.talk(rec)()
	h, err := c.hostOf(ctx, rec)
	if err != nil {
		return err
	}
	wait := backoff.NewExponentialBackOff()
	wait.InitialInterval, wait.MaxInterval, wait.Multiplier = 100*time.Millisecond, 5*time.Second, 1.6
	began, told := c.Now(), ""
	for {
		err := c.once(ctx, h, rec, a)
		switch {
		case err == nil || ctx.Err() != nil:
			return errors.Join(err, ctx.Err())
		case isLocal(err):
			return err
		case a.final(err):
			return said{fmt.Sprintf("node %s: %s", a.node, workerWords(err)), err}
		case !a.until.IsZero() && c.Now().After(a.until):
			return said{fmt.Sprintf("gave up on node %s: %s", a.node, workerWords(err)), err}
		}
		// Said once for each kind of trouble: a person wants to know that it goes on, not how often it was tried.
		if kind := string(transfer.CodeOf(err)); c.Now().Sub(began) >= a.quiet && told != "x"+kind {
			told = "x" + kind
			c.Console.Say("Node %s: %s. Trying again; %s.", a.node, workerWords(err), a.then)
		}
		if err := sleep(ctx, wait.NextBackOff()); err != nil {
			return err
		}
	}
}

func (c *Client) once(ctx context.Context, h host.Host, rec *Record, a attempt) error {
	target, err := c.locate(ctx, rec, a.node)
	if err != nil {
		return err
	}
	client, err := transfer.Dial(ctx, h, target, transfer.WithPatience(10*time.Second))
	if err != nil {
		return said{"it cannot be reached at " + strings.Join(target.Endpoints, ", "), err}
	}
	return a.act(ctx, client)
}

// isLocal reports whether the trouble is with files of this machine.
func isLocal(err error) bool {
	var path *fs.PathError
	var local *localError
	return errors.As(err, &path) || errors.As(err, &local)
}

// localError is trouble that only this machine's user can mend.
type localError struct{ error }

func (e *localError) Unwrap() error { return e.error }

// said is an error with words of our own.
type said struct {
	words string
	err   error
}

// Error implements error.
func (s said) Error() string { return s.words }

// Unwrap lets errors.As see the cause.
func (s said) Unwrap() error { return s.err }

// workerWords is an error of the worker, or of reaching it, in words.
func workerWords(err error) string {
	var words said
	if errors.As(err, &words) {
		return words.words
	}
	var answer *transfer.Error
	if errors.As(err, &answer) {
		return "it answers: " + answer.Message
	}
	return firstLine(err.Error())
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
