package call

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/edgematrix/emc/pkg/receipt"
	"github.com/edgematrix/emc/pkg/session"
)

// errCancelled is why a call's context ended when the customer sent a cancel.
var errCancelled = errors.New("cancelled by the customer")

// call answers one call. While the app works, what the customer sends is read beside it: vouchers and a cancel.
func (s *server) call(ctx context.Context, o order) error {
	if o.request.Digest != receipt.RequestDigest(o.body) {
		return s.refuse(fmt.Errorf("%w: the body is not the one that was signed", receipt.ErrRequest))
	}
	if o.voucher != nil {
		if err := s.take(ctx, *o.voucher); err != nil {
			return s.refuse(err)
		}
	}
	running, err := s.Node.Admit(ctx, o.request)
	if err != nil {
		return s.refuse(err)
	}
	ctx, cancel := context.WithTimeout(ctx, s.Call)
	defer cancel()
	work, end := context.WithCancelCause(ctx)
	defer end(nil)

	a := &answer{server: s, call: running, hash: receipt.NewResponseHash()}
	done := make(chan struct{})
	var writeErr error
	go func() {
		defer close(done)
		a.appErr = s.App.Answer(work, o.request, o.body, func(p Piece) error { return a.send(work, p) })
		writeErr = a.finish()
	}()
	readErr := s.listen(ctx, done, end) // until done
	return errors.Join(writeErr, readErr)
}

// finish sends the receipt.
func (a *answer) finish() error {
	r, salt, err := a.call.Finish(a.status(), a.hash)
	if err != nil {
		return a.refuse(err)
	}
	b, err := ending{salt, r}.encode()
	if err != nil {
		return err
	}
	return a.write(KindReceipt, b)
}

// listen reads what comes beside a running call until the app is done. A voucher that is refused ends the call: no other one
// will be better.
func (s *server) listen(ctx context.Context, done <-chan struct{}, end context.CancelCauseFunc) error {
	stop, err := s.conn.guard(s.Call+s.Voucher, deadlines.SetReadDeadline)
	if err != nil {
		end(err)
		<-done
		return err
	}
	defer stop()
	for {
		select {
		case <-done:
			return nil
		case g := <-s.frames:
			switch {
			case g.err != nil:
				end(g.err)
				<-done
				return g.err
			case g.Kind == KindVoucher, g.Kind == KindCancel:
				s.beside(ctx, g.Frame, end)
			default:
				return s.early(g.Frame, done, end)
			}
		}
	}
}

func (s *server) beside(ctx context.Context, f Frame, end context.CancelCauseFunc) {
	switch f.Kind {
	case KindVoucher:
		if err := s.voucher(ctx, f); err != nil {
			s.Logger.Warn("a voucher was refused in the middle of a call", "error", err)
			end(err)
		}
	case KindCancel:
		end(errCancelled)
	}
}

// early keeps what a customer sends once it has the receipt, while we have not noticed yet that it was written. Anything
// else in the middle of a call ends it.
func (s *server) early(f Frame, done <-chan struct{}, end context.CancelCauseFunc) error {
	grace := time.NewTimer(s.Write)
	defer grace.Stop()
	s.kept = &f
	select {
	case <-done:
		return nil
	case <-grace.C:
		err := frameError(errors.New("one call at a time on a stream"))
		end(err)
		<-done
		return err
	}
}

// answer is what an app's pieces become.
type answer struct {
	*server
	call    *session.NodeCall
	hash    receipt.ResponseHash
	units   uint64
	begun   bool
	sendErr error
	appErr  error
}

// send delivers a piece: it waits for a voucher where the credit ends.
func (a *answer) send(ctx context.Context, p Piece) error {
	if a.sendErr == nil {
		a.sendErr = a.deliver(ctx, p)
	}
	return a.sendErr
}

func (a *answer) deliver(ctx context.Context, p Piece) error {
	if len(p.Data) > MaxPiece {
		return fmt.Errorf("a piece of %d bytes, the most is %d", len(p.Data), MaxPiece)
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	waits, cancel := context.WithTimeout(ctx, a.Voucher)
	defer cancel()
	err := a.call.Deliver(waits, p.Units, p.Amount, func(n uint64) error { return a.write(KindDue, number(n)) })
	if err != nil {
		return err
	}
	a.begun = true
	_, _ = a.hash.Write(p.Data)
	a.units += p.Units
	return a.write(KindData, piece{a.call.Delivered(), a.units, p.Data}.encode())
}

// status: whatever stopped the sending, the customer pays for what was delivered; an app that fails is not paid.
func (a *answer) status() receipt.Status {
	switch {
	case errors.Is(a.sendErr, session.ErrPrice):
		return receipt.StatusComplete // as much as the customer wanted
	case a.sendErr != nil:
		return receipt.StatusCancelled
	case errors.Is(a.appErr, context.Canceled), errors.Is(a.appErr, context.DeadlineExceeded), errors.Is(a.appErr, errCancelled):
		return receipt.StatusCancelled
	case errors.Is(a.appErr, session.ErrBusy) && !a.begun:
		return receipt.StatusCancelled // others came first since it was admitted: no fault of the app
	case a.appErr != nil:
		a.Logger.Error("the app failed", "app", a.call.Request().App, "error", a.appErr)
		return receipt.StatusFailed
	}
	return receipt.StatusComplete
}
