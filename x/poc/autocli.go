package poc

import (
	autocliv1 "cosmossdk.io/api/cosmos/autocli/v1"

	"github.com/edgematrix/emc/x/poc/types"
)

// AutoCLIOptions gives every message and query its command.
func (AppModule) AutoCLIOptions() *autocliv1.ModuleOptions {
	return &autocliv1.ModuleOptions{
		Query: &autocliv1.ServiceCommandDescriptor{
			Service: types.Query_serviceDesc.ServiceName,
			RpcCommandOptions: []*autocliv1.RpcCommandOptions{
				command("Params", "params", "Show the rules of the module"),
				command("Beacon", "beacon [height]", "Show the public randomness of a block (0: the newest)", "height"),
				command("Draw", "draw [height]", "Show the draw that begins at a height, once enough validators have contributed", "height"),
				command("BeaconKey", "beacon-key [validator]", "Show a validator's beacon key, and how often he contributed", "validator"),
				command("BeaconKeys", "beacon-keys", "List the beacon keys of all validators"),
				command("Window", "window [height]", "Show the window that opened at a height (0: the newest)", "height"),
				command("Windows", "windows", "List the windows, oldest first"),
				command("Proof", "proof [node]", "Show what a node committed to in the window under way, and whether it has to reveal", "node"),
				command("Power", "power [node]", "Show a node's power, and what it proved in its last windows", "node"),
				command("NetworkPower", "network-power", "Show what the network proved in its last window"),
				command("Rewards", "rewards [operator]", "Show what an operator can claim now", "operator"),
				command("ProbeEpoch", "probe-epoch [number]", "Show an epoch of probes (0: the newest)", "number"),
				command("Probes", "probes [validator]", "List what a validator is to probe now, and whether he reported", "validator"),
				command("Probers", "probers", "List the hot keys that report the validators' probes"),
				command("Emission", "emission", "Show how much was issued so far, and the schedule"),
			},
		},
		Tx: &autocliv1.ServiceCommandDescriptor{
			Service: types.Msg_serviceDesc.ServiceName,
			RpcCommandOptions: []*autocliv1.RpcCommandOptions{
				command("RegisterBeaconKey", "register-beacon-key [pubkey] [proof]", "Register a validator's beacon key (emcd beacon-key register does this for you)", "pubkey", "proof"),
				command("ClaimRewards", "claim-rewards", "Claim what your nodes have earned (emcd tx poc claim-rewards --from KEY)"),
				command("CommitProof", "commit-proof [window] [kind] [log2-n] [rounds] [root]", "Commit a node to its work (emc-worker does this for you)", "window", "kind", "log2_n", "rounds", "root"),
				command("RevealProof", "reveal-proof [window] [proof]", "Open a node's commitment (emc-worker does this for you)", "window", "proof"),
				command("SetProber", "set-prober [prober]", "Authorise the hot key that reports your validator's probes (emcd prober set does this, with its fees)", "prober"),
				command("ReportProbes", "report-probes [validator] [epoch] [probed] [passed]", "Report what was probed (emcd prober start does this for you)", "validator", "epoch", "probed", "passed"),
				{RpcMethod: "UpdateParams", Skip: true}, // governance only
			},
		},
	}
}

func command(method, use, short string, positional ...string) *autocliv1.RpcCommandOptions {
	options := &autocliv1.RpcCommandOptions{RpcMethod: method, Use: use, Short: short}
	for _, field := range positional {
		options.PositionalArgs = append(options.PositionalArgs, &autocliv1.PositionalArgDescriptor{ProtoField: field})
	}
	return options
}
