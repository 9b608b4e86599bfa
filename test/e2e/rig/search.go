package rig

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
)

// PaidBy lists the transactions whose fees an account paid, from above one
// height up to another, oldest first.
func (n *Network) PaidBy(ctx context.Context, payer string, above, upTo int64) ([]Transaction, error) {
	query := fmt.Sprintf("tx.fee_payer='%s' AND tx.height>%d AND tx.height<=%d", payer, above, upTo)
	var out []Transaction
	for page := 1; ; page++ {
		var answer struct {
			Txs       []json.RawMessage `json:"txs"`
			Responses []Transaction     `json:"tx_responses"`
			Total     Int               `json:"total"`
		}
		path := fmt.Sprintf("/cosmos/tx/v1beta1/txs?query=%s&order_by=ORDER_BY_ASC&limit=100&page=%d", url.QueryEscape(query), page)
		if _, err := n.Get(ctx, path, 0, &answer); err != nil {
			return nil, err
		}
		for i := range answer.Responses {
			if err := json.Unmarshal(answer.Txs[i], &answer.Responses[i].Tx); err != nil {
				return nil, err
			}
		}
		out = append(out, answer.Responses...)
		if len(answer.Responses) == 0 || len(out) >= int(answer.Total) {
			return out, nil
		}
	}
}

// Fees is what the transactions paid together, in uemc.
func Fees(list []Transaction) (sum int64) {
	for _, t := range list {
		sum += t.Fee()
	}
	return sum
}

// Messages are the names of a transaction's messages, such as "StartJob".
func (t Transaction) Messages() []string {
	var out []string
	for _, raw := range t.Tx.Body.Messages {
		var m struct {
			Type string `json:"@type"`
		}
		_ = json.Unmarshal(raw, &m)
		out = append(out, strings.TrimPrefix(m.Type[strings.LastIndex(m.Type, ".")+1:], "Msg"))
	}
	return out
}

// Concerns reports whether one of the messages names the job.
func (t Transaction) Concerns(job string) bool {
	for _, raw := range t.Tx.Body.Messages {
		if strings.Contains(string(raw), job) {
			return true
		}
	}
	return false
}
