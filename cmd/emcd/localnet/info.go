package localnet

import (
	"encoding/json"
	"os"
)

// Info is localnet.json, for programs that use the network.
type Info struct {
	RPC     string `json:"rpc"`
	REST    string `json:"rest"`
	GRPC    string `json:"grpc"`
	P2P     string `json:"p2p"`
	Faucet  string `json:"faucet,omitempty"`
	ChainID string `json:"chain_id"`
	Home    string `json:"home"`
	PID     int    `json:"pid"`
}

// writeInfo writes localnet.json whole or not at all.
func (h home) writeInfo(info Info) error {
	raw, err := json.MarshalIndent(info, "", "  ")
	if err != nil {
		return err
	}
	temporary := h.file(stateFile + ".tmp")
	if err := os.WriteFile(temporary, append(raw, '\n'), 0o644); err != nil {
		return err
	}
	return os.Rename(temporary, h.file(stateFile))
}
