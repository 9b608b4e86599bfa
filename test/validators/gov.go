package validators

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/edgematrix/emc/test/e2e/rig"
)

// votingPeriod is how long the test networks may vote.
const votingPeriod = 4 * time.Second

// quickVotes shortens governance's voting period in a genesis.
func quickVotes(state map[string]any) {
	params := state["gov"].(map[string]any)["params"].(map[string]any)
	params["voting_period"] = votingPeriod.String()
	params["expedited_voting_period"] = (votingPeriod / 2).String()
}

// proposeUpgrade proposes an upgrade at a height with the first validator's key
// and votes for it in the same transaction: on a busy machine a second one would
// come when the vote is over. It returns when the chain has taken the plan up.
// number is the proposal's; the validator must have half of the power.
func (n *Net) proposeUpgrade(ctx context.Context, number int, name string, height int64) error {
	first := n.Nodes[0]
	var authority struct {
		Address string `json:"address"`
	}
	if _, err := first.Get(ctx, "/cosmos/upgrade/v1beta1/authority", 0, &authority); err != nil {
		return err
	}
	voter, err := first.Address(ctx, first.Name)
	if err != nil {
		return err
	}
	file := func(what string) string { return filepath.Join(n.Dir, "upgrade-"+what+".json") }
	if err := writeJSON(file("proposal"), map[string]any{
		"messages": []any{map[string]any{
			"@type": "/cosmos.upgrade.v1beta1.MsgSoftwareUpgrade", "authority": authority.Address,
			"plan": map[string]any{"name": name, "height": fmt.Sprint(height), "info": "where the release is"},
		}},
		"deposit": "1000000000uemc", "title": "Upgrade " + name, "summary": "To the next release", "metadata": "",
	}); err != nil {
		return err
	}
	unsigned, err := first.Emcd(ctx, "tx", "gov", "submit-proposal", file("proposal"), "--from", first.Name, "--keyring-backend", "test",
		"--generate-only", "--gas", "500000")
	if err != nil {
		return err
	}
	var tx struct {
		Body struct {
			Messages []any  `json:"messages"`
			Memo     string `json:"memo"`
		} `json:"body"`
		AuthInfo   json.RawMessage `json:"auth_info"`
		Signatures []string        `json:"signatures"`
	}
	if err := json.Unmarshal([]byte(unsigned.Out), &tx); err != nil {
		return err
	}
	tx.Body.Messages = append(tx.Body.Messages, map[string]any{
		"@type": "/cosmos.gov.v1.MsgVote", "proposal_id": fmt.Sprint(number), "voter": voter, "option": "VOTE_OPTION_YES",
	})
	if err := writeJSON(file("unsigned"), tx); err != nil {
		return err
	}
	signed, err := first.Emcd(ctx, "tx", "sign", file("unsigned"), "--from", first.Name, "--keyring-backend", "test")
	if err != nil {
		return err
	}
	if err := os.WriteFile(file("signed"), []byte(signed.Out), 0o600); err != nil {
		return err
	}
	if _, err := first.Broadcast(ctx, file("signed")); err != nil {
		return err
	}
	return rig.Eventually(ctx, 2*time.Minute, "the plan is taken up", func() (bool, error) {
		var answer struct {
			Plan *struct {
				Name   string  `json:"name"`
				Height rig.Int `json:"height"`
			} `json:"plan"`
		}
		_, err := first.Get(ctx, "/cosmos/upgrade/v1beta1/current_plan", 0, &answer)
		return err == nil && answer.Plan != nil && answer.Plan.Name == name && int64(answer.Plan.Height) == height, err
	})
}

func writeJSON(path string, value any) error {
	raw, err := json.Marshal(value)
	if err != nil {
		return err
	}
	return os.WriteFile(path, raw, 0o600)
}
