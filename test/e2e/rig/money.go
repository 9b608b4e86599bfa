package rig

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
)

// Money checks that no uemc is lost, made or promised twice, by what anybody
// can ask of the chain.
type Money struct {
	net *Network

	mu sync.Mutex
	// supply is what there was without what was issued for proofs, and with what was burned.
	supply int64
	stakes string // address of the stake account
	// customers are those whose jobs are looked at.
	customers []string
	// closed is what a job was when it was closed: it must never change again.
	closed map[string]Job
	// nodes are all that were ever seen: the stake of a node that left is still unbonding.
	nodes map[string]bool
}

// NewMoney notes the supply as it is now.
func NewMoney(ctx context.Context, net *Network) (*Money, error) {
	m := &Money{net: net, closed: map[string]Job{}, nodes: map[string]bool{}}
	var module struct {
		Account struct {
			Base struct {
				Address string `json:"address"`
			} `json:"base_account"`
			Value struct {
				Address string `json:"address"`
			} `json:"value"`
		} `json:"account"`
	}
	if _, err := net.Get(ctx, "/cosmos/auth/v1beta1/module_accounts/compute", 0, &module); err != nil {
		return nil, err
	}
	m.stakes = module.Account.Base.Address + module.Account.Value.Address
	var err error
	m.supply, err = m.supplyAt(ctx, 0)
	return m, err
}

// Watch adds a customer.
func (m *Money) Watch(customer string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.customers = append(m.customers, customer)
}

func (m *Money) supplyAt(ctx context.Context, height int64) (int64, error) {
	var answer struct {
		Amount Coin `json:"amount"`
	}
	if _, err := m.net.Get(ctx, "/cosmos/bank/v1beta1/supply/by_denom?denom=uemc", height, &answer); err != nil {
		return 0, err
	}
	emission, err := m.net.Emission(ctx, height)
	return int64(answer.Amount.Amount - emission.Minted), err
}

// Check asks everything at one height and returns the first rule that is broken.
func (m *Money) Check(ctx context.Context) error {
	m.mu.Lock()
	customers := slices.Clone(m.customers)
	m.mu.Unlock()
	height, err := m.net.Height(ctx)
	if err != nil {
		return err
	}
	jobs, err := m.checkJobs(ctx, customers, height)
	if err != nil {
		return err
	}
	if err := m.checkNodes(ctx, jobs, height); err != nil {
		return err
	}
	supply, err := m.supplyAt(ctx, height)
	if err != nil {
		return err
	}
	slashed, err := m.slashed(ctx, height)
	if err == nil && supply+slashed != m.supply {
		err = fmt.Errorf("the supply is %d uemc at height %d without what was issued and with the %d that were slashed, it was %d", supply, height, slashed, m.supply)
	}
	return err
}

// checkJobs: an open job's address holds what the job owes, a closed job has
// given out its whole price, once and for all.
func (m *Money) checkJobs(ctx context.Context, customers []string, height int64) (map[string]Job, error) {
	jobs := map[string]Job{}
	for _, customer := range customers {
		list, err := m.net.CustomerJobs(ctx, customer, height)
		if err != nil {
			return nil, err
		}
		for _, j := range list {
			jobs[j.ID] = j
			if err := m.checkJob(ctx, j, height); err != nil {
				return nil, err
			}
		}
	}
	return jobs, nil
}

func (m *Money) checkJob(ctx context.Context, j Job, height int64) error {
	if j.Closed() {
		if j.Paid.Amount+j.Refunded.Amount != j.MaxPrice.Amount {
			return fmt.Errorf("job %s paid %d and refunded %d of %d uemc", j.ID, j.Paid.Amount, j.Refunded.Amount, j.MaxPrice.Amount)
		}
		m.mu.Lock()
		defer m.mu.Unlock()
		if was, ok := m.closed[j.ID]; ok && (was.Status != j.Status || was.Paid != j.Paid || was.Refunded != j.Refunded || was.ClosedAt != j.ClosedAt) {
			return fmt.Errorf("job %s was closed as %s with %d uemc paid, and now is %s with %d uemc paid", j.ID, was.Word(), was.Paid.Amount, j.Word(), j.Paid.Amount)
		}
		m.closed[j.ID] = j
		return nil
	}
	full, err := m.net.JobAt(ctx, j.ID, height)
	if err == nil && full.Escrow.Amount < j.MaxPrice.Amount {
		err = fmt.Errorf("job %s (%s) owes %d uemc, its address holds %d", j.ID, j.Word(), j.MaxPrice.Amount, full.Escrow.Amount)
	}
	return err
}

// checkNodes: the stake account is the sum of stakes and unbondings, and each
// node has promised exactly the slots of its sockets and of its live jobs.
func (m *Money) checkNodes(ctx context.Context, known map[string]Job, height int64) error {
	nodes, err := all[nodeView](ctx, m.net, "/emc/compute/v1/nodes", "nodes", height)
	if err != nil {
		return err
	}
	stakes, err := m.unbondings(ctx, nodes, height)
	if err != nil {
		return err
	}
	for _, v := range nodes {
		n := v.Node
		stakes += n.Stake
		jobs, err := all[Job](ctx, m.net, "/emc/compute/v1/nodes/"+n.Address+"/jobs", "jobs", height)
		if err != nil {
			return err
		}
		sockets, err := m.net.NodeSockets(ctx, n.Address, height)
		if err != nil {
			return err
		}
		if promised := promised(jobs, sockets); promised != n.ReservedSlots || n.ReservedSlots > n.Offer.Slots {
			return fmt.Errorf("node %s has sockets and live jobs with %d slots, and %d of %d reserved", n.Address, promised, n.ReservedSlots, n.Offer.Slots)
		}
	}
	for id, j := range known {
		if j.Live() && !slices.ContainsFunc(nodes, func(v nodeView) bool { return v.Node.Address == j.Node }) {
			return fmt.Errorf("job %s is %s on node %s, which is not there", id, j.Word(), j.Node)
		}
	}
	have, err := m.net.BalanceAt(ctx, m.stakes, height)
	if err != nil {
		return err
	}
	if have != int64(stakes) {
		return fmt.Errorf("the stake account holds %d uemc, stakes and unbondings are %d", have, stakes)
	}
	return nil
}

// slashed is what was burned of all nodes that were ever seen.
func (m *Money) slashed(ctx context.Context, height int64) (sum int64, err error) {
	m.mu.Lock()
	seen := slices.Collect(maps.Keys(m.nodes))
	m.mu.Unlock()
	for _, node := range seen {
		list, err := m.net.SlashesAt(ctx, node, height)
		if err != nil {
			return 0, err
		}
		for _, s := range list {
			sum += int64(s.Amount)
		}
	}
	return sum, nil
}

// unbondings is the stake on its way back, of all nodes that were ever seen.
func (m *Money) unbondings(ctx context.Context, nodes []nodeView, height int64) (sum Int, err error) {
	m.mu.Lock()
	for _, v := range nodes {
		m.nodes[v.Node.Address] = true
	}
	seen := slices.Collect(maps.Keys(m.nodes))
	m.mu.Unlock()
	for _, node := range seen {
		amount, err := m.net.UnbondingAt(ctx, node, height)
		if err != nil {
			return 0, err
		}
		sum += Int(amount)
	}
	return sum, nil
}

// Settled tells that every job of the customers is closed, and that their
// addresses are empty: nothing is left behind.
func (m *Money) Settled(ctx context.Context) error {
	if err := m.Check(ctx); err != nil {
		return err
	}
	var problems []string
	m.mu.Lock()
	closed := maps.Clone(m.closed)
	m.mu.Unlock()
	for id := range closed {
		j, err := m.net.Job(ctx, id)
		if errors.Is(err, ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		if j.Escrow.Amount != 0 {
			problems = append(problems, fmt.Sprintf("job %s is %s, its address still holds %d uemc", id, j.Word(), j.Escrow.Amount))
		}
	}
	if problems != nil {
		return errors.New(strings.Join(problems, "; "))
	}
	return nil
}
