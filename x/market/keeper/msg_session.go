package keeper

import (
	"bytes"
	"context"

	errorsmod "cosmossdk.io/errors"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/cosmos/cosmos-sdk/crypto/keys/secp256k1"

	"github.com/edgematrix/emc/x/market/types"
)

// OpenSession implements types.MsgServer.
func (s msgServer) OpenSession(ctx context.Context, m *types.MsgOpenSession) (*types.MsgOpenSessionResponse, error) {
	id, expires, err := s.open(ctx, nil, m)
	if err != nil {
		return nil, err
	}
	return &types.MsgOpenSessionResponse{Session: id, ExpiresAt: expires}, nil
}

// open opens a session with its owner's money, or with that of its funding,
// which is valid. It returns the id, and the expiry in block time.
func (k *Keeper) open(ctx context.Context, f *types.Funding, m *types.MsgOpenSession) (string, int64, error) {
	owner, err := types.Address("owner", m.Owner, types.ErrInvalidSession)
	if err != nil {
		return "", 0, err
	}
	params, err := k.Params.Get(ctx)
	if err != nil {
		return "", 0, err
	}
	if f != nil {
		params.MinDeposit.Amount = zero() // what a session's state costs is the funding module's concern
	}
	if err := m.Validate(params); err != nil {
		return "", 0, err
	}
	seq, err := k.takeSequence(ctx, owner)
	if err != nil {
		return "", 0, err
	}
	session := types.Session{
		Id: types.SessionID(owner, seq), Owner: m.Owner, Sequence: seq, Status: types.SESSION_STATUS_OPEN, Key: m.Key, KeyId: 1,
		Deposit: m.Deposit.Amount, Direct: zero(), Held: zero(), Jobs: zero(), Refunded: zero(), Fees: zero(), OpenedAt: blockTime(ctx),
	}
	if f != nil {
		f.Bind(&session)
	}
	if err := k.allot(ctx, &session, m.Allotments); err != nil {
		return "", 0, err
	}
	now, err := k.now(ctx)
	if err != nil {
		return "", 0, err
	}
	session.ExpiresAt = now + int64(m.Seconds)
	if err := k.payInto(ctx, payerOf(owner, f), types.SessionEscrow(session.Id), m.Deposit.Amount); err != nil {
		return "", 0, errorsmod.Wrapf(err, "deposit of %s", m.Deposit)
	}
	if err := k.setSession(ctx, session, session.ExpiresAt); err != nil {
		return "", 0, err
	}
	expires, err := k.outside(ctx, session.ExpiresAt)
	if err != nil {
		return "", 0, err
	}
	routers := make([]string, len(session.Routers))
	for i, r := range session.Routers {
		routers[i] = r.Router
	}
	return session.Id, expires, emit(ctx, &types.EventSessionOpened{
		Session: session.Id, Owner: m.Owner, Deposit: m.Deposit.String(), Routers: routers, ExpiresAt: expires,
		Funder: session.Funder, Source: session.Source, Node: session.Node,
	})
}

// TopUpSession implements types.MsgServer.
func (s msgServer) TopUpSession(ctx context.Context, m *types.MsgTopUpSession) (*types.MsgTopUpSessionResponse, error) {
	owner, err := types.Address("owner", m.Owner, types.ErrInvalidSession)
	if err != nil {
		return nil, err
	}
	params, err := s.Params.Get(ctx)
	if err != nil {
		return nil, err
	}
	if err := m.Validate(params); err != nil {
		return nil, err
	}
	session, err := s.ownSession(ctx, m.Session, m.Owner)
	if err != nil {
		return nil, err
	}
	// Money of the owner's would end as the funder's, and the funder has promised the node's time up to the expiry only.
	if session.Funded() && (m.Amount.IsPositive() || m.Seconds > 0) {
		return nil, errorsmod.Wrapf(types.ErrFunded, "session %s is paid by %s: what is free in it may be allotted, money and time are not added", m.Session, session.Source)
	}
	session.Deposit = session.Deposit.Add(m.Amount.Amount)
	if session.Deposit.GT(maxDeposit) {
		return nil, errorsmod.Wrapf(types.ErrInvalidAmount, "a deposit is at most %s", types.Uemc(maxDeposit))
	}
	if err := s.allot(ctx, &session, m.Allotments); err != nil {
		return nil, err
	}
	now, err := s.now(ctx)
	if err != nil {
		return nil, err
	}
	if m.Seconds > 0 {
		session.ExpiresAt = max(session.ExpiresAt, now+int64(m.Seconds))
	}
	if err := s.payInto(ctx, owner, types.SessionEscrow(session.Id), m.Amount.Amount); err != nil {
		return nil, errorsmod.Wrapf(err, "top up of %s", m.Amount)
	}
	if err := s.setSession(ctx, session, session.ExpiresAt); err != nil {
		return nil, err
	}
	expires, err := s.outside(ctx, session.ExpiresAt)
	if err != nil {
		return nil, err
	}
	deposit := types.Uemc(session.Deposit)
	return &types.MsgTopUpSessionResponse{Deposit: deposit, ExpiresAt: expires},
		emit(ctx, &types.EventSessionToppedUp{Session: session.Id, Owner: m.Owner, Deposit: deposit.String(), ExpiresAt: expires})
}

// RotateSessionKey implements types.MsgServer.
func (s msgServer) RotateSessionKey(ctx context.Context, m *types.MsgRotateSessionKey) (*types.MsgRotateSessionKeyResponse, error) {
	if err := m.Validate(); err != nil {
		return nil, err
	}
	session, err := s.ownSession(ctx, m.Session, m.Owner)
	if err != nil {
		return nil, err
	}
	if len(session.RetiredKeys) >= types.MaxRotations {
		return nil, errorsmod.Wrapf(types.ErrTooMany, "the key of session %s was replaced %d times; open a new session", m.Session, types.MaxRotations)
	}
	if used := session.UsedKey(m.Key); used != 0 {
		return nil, errorsmod.Wrapf(types.ErrInvalidKey, "it is or was key %d of the session; make a new one", used)
	}
	params, err := s.Params.Get(ctx)
	if err != nil {
		return nil, err
	}
	now, err := s.now(ctx)
	if err != nil {
		return nil, err
	}
	old := types.RetiredKey{KeyId: session.KeyId, Key: session.Key, ValidUntil: now + int64(params.ClosingSeconds)}
	session.RetiredKeys = append(session.RetiredKeys, old)
	session.Key, session.KeyId = m.Key, session.KeyId+1
	if err := s.setSession(ctx, session, session.Deadline); err != nil {
		return nil, err
	}
	until, err := s.outside(ctx, old.ValidUntil)
	if err != nil {
		return nil, err
	}
	return &types.MsgRotateSessionKeyResponse{KeyId: session.KeyId, OldUntil: until},
		emit(ctx, &types.EventSessionKeyRotated{Session: session.Id, KeyId: session.KeyId, OldUntil: until})
}

// CloseSession implements types.MsgServer.
func (s msgServer) CloseSession(ctx context.Context, m *types.MsgCloseSession) (*types.MsgCloseSessionResponse, error) {
	session, err := s.Session(ctx, m.Session)
	if err != nil {
		return nil, err
	}
	who, err := s.mayClose(ctx, session, m.Sender)
	if err != nil {
		return nil, err
	}
	if err := checkOpen(session); err != nil {
		return nil, err
	}
	params, err := s.Params.Get(ctx)
	if err != nil {
		return nil, err
	}
	session.Reason = "closed by " + who
	until, err := s.advance(ctx, session, types.SESSION_STATUS_CLOSING, params.ClosingSeconds)
	return &types.MsgCloseSessionResponse{RedeemedUntil: until}, err
}

// mayClose says as what the sender may close a session.
func (k *Keeper) mayClose(ctx context.Context, session types.Session, sender string) (string, error) {
	if sender == session.Owner {
		return "the owner", nil
	}
	for _, r := range session.Routers {
		addr, err := types.Address("router", r.Router, types.ErrInvalidRouter)
		if err != nil {
			return "", err
		}
		operator, err := k.payee(ctx, addr)
		if err != nil {
			return "", err
		}
		if sender == r.Router || sender == operator.String() {
			return "router " + r.Router, nil
		}
	}
	return "", errorsmod.Wrapf(types.ErrNotOwner, "session %s is closed by %s or by one of its routers, not by %s", session.Id, session.Owner, sender)
}

// SubmitSessionJob implements types.MsgServer.
func (s msgServer) SubmitSessionJob(ctx context.Context, m *types.MsgSubmitSessionJob) (*types.MsgSubmitSessionJobResponse, error) {
	customer, err := types.Address("customer", m.Customer, types.ErrInvalidSession)
	if err != nil {
		return nil, err
	}
	if err := m.Validate(); err != nil {
		return nil, err
	}
	session, err := s.Session(ctx, m.Session)
	if err != nil {
		return nil, err
	}
	// The session's key is for servers that must not hold the owner's: what it may spend by calls it may spend by jobs.
	if m.Customer != session.Owner && !bytes.Equal(customer, sdk.AccAddress((&secp256k1.PubKey{Key: session.Key}).Address())) {
		return nil, errorsmod.Wrapf(types.ErrNotOwner, "jobs of session %s are submitted by its owner or by its key's account", m.Session)
	}
	if err := checkOpen(session); err != nil {
		return nil, err
	}
	if m, err = orderOf(session, m); err != nil {
		return nil, err
	}
	price := m.MaxPrice.Amount
	if free := session.Free(); price.GT(free) {
		return nil, errorsmod.Wrapf(types.ErrNotFree, "%s of session %s are free, the job may cost %s; top up by the difference", types.Uemc(free), m.Session, m.MaxPrice)
	}
	job, err := s.compute.SubmitJobFor(ctx, m.Job(), dealOf(session))
	if err != nil {
		return nil, err
	}
	session.Held = session.Held.Add(price)
	if err := s.setSession(ctx, session, session.Deadline); err != nil {
		return nil, err
	}
	if err := s.SessionJobs.Set(ctx, job.Job, types.SessionJob{
		Job: job.Job, Session: session.Id, Owner: session.Owner, Held: m.MaxPrice, Funder: session.Funder, Source: session.Source,
	}); err != nil {
		return nil, err
	}
	return &types.MsgSubmitSessionJobResponse{Job: job.Job, Node: job.Node, SlotHourPrice: job.SlotHourPrice},
		emit(ctx, &types.EventSessionJob{Session: session.Id, Job: job.Job, Held: m.MaxPrice.String()})
}
