package wallets

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/reflect/protoreflect"

	authtypes "github.com/cosmos/cosmos-sdk/x/auth/types"
	govtypes "github.com/cosmos/cosmos-sdk/x/gov/types"

	"github.com/edgematrix/emc/test/e2e/rig"
)

// proposal is what the chain says of one.
type proposal struct {
	ID     string `json:"id"`
	Title  string `json:"title"`
	Status string `json:"status"`
	Failed string `json:"failed_reason"`
}

func (s *site) proposal(t *testing.T, title string) (proposal, error) {
	t.Helper()
	var answer struct {
		Proposals []proposal `json:"proposals"`
	}
	_, err := s.net.Get(t.Context(), "/cosmos/gov/v1/proposals?pagination.limit=200", 0, &answer)
	i := slices.IndexFunc(answer.Proposals, func(p proposal) bool { return p.Title == title })
	if err != nil || i < 0 {
		return proposal{}, err
	}
	return answer.Proposals[i], nil
}

// testProposals: nobody's key signs for governance. So parameters go into a
// proposal, which carries them within a message; the present ones are taken up,
// and empty ones fail when the vote is over, for what they say.
func (s *site) testProposals(t *testing.T, mode string, m protoreflect.MessageDescriptor) {
	module := moduleOf(m.FullName())
	authority := authtypes.NewModuleAddress(govtypes.ModuleName).String()
	for _, kind := range kinds {
		t.Run(fmt.Sprintf("proposal of %s/%s/%s", m.FullName(), mode, kind), func(t *testing.T) {
			t.Parallel()
			message := map[string]any{"@type": "/" + string(m.FullName()), "authority": authority}
			switch kind {
			case empty:
				message["params"] = map[string]any{}
			case full:
				var answer struct {
					Params json.RawMessage `json:"params"`
				}
				_, err := s.net.Get(t.Context(), "/emc/"+module+"/v1/params", 0, &answer)
				require.NoError(t, err)
				message["params"] = answer.Params
			}
			k := s.borrow(t)
			s.govern(t, k, mode, "/cosmos.staking.v1beta1.MsgDelegate", map[string]any{
				"delegator_address": k.address.String(), "validator_address": s.validator.operator(), "amount": uemc(10_000_000),
			})
			title := fmt.Sprintf("%s %s %s", module, mode, kind)
			s.govern(t, k, mode, "/cosmos.gov.v1.MsgSubmitProposal", map[string]any{
				"messages": []any{message}, "initial_deposit": []any{uemc(10_000_000)},
				"proposer": k.address.String(), "title": title, "summary": awkward,
			})
			p, err := s.proposal(t, title)
			require.NoError(t, err)
			s.govern(t, k, mode, "/cosmos.gov.v1.MsgVote", map[string]any{
				"proposal_id": p.ID, "voter": k.address.String(), "option": "VOTE_OPTION_YES",
			})
			require.NoError(t, rig.Eventually(t.Context(), patience, "the vote is over", func() (bool, error) {
				p, err = s.proposal(t, title)
				return err == nil && p.Status != "PROPOSAL_STATUS_VOTING_PERIOD", err
			}))
			if kind != full {
				require.Equal(t, "PROPOSAL_STATUS_FAILED", p.Status)
				require.Contains(t, p.Failed, "invalid parameters")
				return
			}
			require.Equal(t, "PROPOSAL_STATUS_PASSED", p.Status, p.Failed)
			s.succeeded(mode, string(m.FullName()))
		})
	}
}

func (s *site) govern(t *testing.T, k *key, mode, url string, value map[string]any) {
	t.Helper()
	raw, err := json.Marshal(value)
	require.NoError(t, err)
	requireAccepted(t, url, s.send(t, k, mode, url, raw))
}
