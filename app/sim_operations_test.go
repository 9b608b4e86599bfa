package app_test

import (
	"math/rand"
	"slices"

	nftmodule "github.com/cosmos/cosmos-sdk/contrib/x/nft/module"
	"github.com/cosmos/cosmos-sdk/testutil/simsx"

	"github.com/edgematrix/emc/app"
	computetypes "github.com/edgematrix/emc/x/compute/types"
	markettypes "github.com/edgematrix/emc/x/market/types"
	"github.com/edgematrix/emc/x/poc"
	poctypes "github.com/edgematrix/emc/x/poc/types"
	sockettypes "github.com/edgematrix/emc/x/socket/types"
)

var (
	_ simsx.Registry     = (*operations)(nil)
	_ simsx.WeightSource = (*operations)(nil)
)

// operation is one of a module.
type operation struct {
	name    string // as the module's weight is called
	weight  uint32
	factory simsx.SimMsgFactoryX
}

// operations collects the modules' operations; it implements simsx.Registry and
// simsx.WeightSource, which is asked for a weight before each is added.
type operations struct {
	list   []operation
	total  uint32
	factor uint32 // of the weights of what is added next
	name   string // of what is added next
}

func (o *operations) Get(name string, weight uint32) uint32 {
	o.name = name
	return weight
}

func (o *operations) Add(weight uint32, f simsx.SimMsgFactoryX) {
	if weight *= o.factor; weight > 0 {
		o.list, o.total = append(o.list, operation{o.name, weight, f}), o.total+weight
	}
}

func (o *operations) pick(r *rand.Rand) operation {
	at := uint32(r.Int63n(int64(o.total)))
	for _, op := range o.list {
		if at < op.weight {
			return op
		}
		at -= op.weight
	}
	panic("the weights do not add up")
}

// operationsOf asks every module. Other modules' proposals are left out: one
// that halves the validators' block size says nothing about this chain. Those of
// x/poc stand apart: a window is short, and nodes get turns of their own in it.
func operationsOf(a *app.App) (ops, proving *operations) {
	proposals := simsx.NewUniqueTypeRegistry()
	ops, proving = &operations{}, &operations{factor: 1}
	for _, m := range a.SimulationManager().Modules {
		if p, ok := m.(interface{ Name() string }); !ok || !slices.Contains([]string{computetypes.ModuleName, poctypes.ModuleName, markettypes.ModuleName, sockettypes.ModuleName}, p.Name()) {
			continue
		}
		if p, ok := m.(simsx.HasProposalMsgsX); ok {
			p.ProposalMsgsX(ops, proposals)
		}
	}
	for _, m := range a.SimulationManager().Modules {
		if _, mints := m.(nftmodule.AppModule); mints {
			continue // its factory mints as it goes, in the state that it should only read
		}
		if n, ok := m.(poc.AppModule); ok {
			n.WeightedOperationsX(proving, proving)
			continue
		}
		ops.factor = 1
		switch n, ok := m.(interface{ Name() string }); {
		case ok && n.Name() == computetypes.ModuleName:
			ops.factor = 4 // the other modules are here for company
		case ok && slices.Contains([]string{markettypes.ModuleName, sockettypes.ModuleName}, n.Name()):
			ops.factor = 3
		}
		switch m := m.(type) {
		case simsx.HasWeightedOperationsX:
			m.WeightedOperationsX(ops, ops)
		case simsx.HasWeightedOperationsXWithProposals:
			m.WeightedOperationsX(ops, ops, proposals.Iterator(), nil)
		}
	}
	return ops, proving
}
