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
			},
		},
		Tx: &autocliv1.ServiceCommandDescriptor{
			Service: types.Msg_serviceDesc.ServiceName,
			RpcCommandOptions: []*autocliv1.RpcCommandOptions{
				command("RegisterBeaconKey", "register-beacon-key [pubkey] [proof]", "Register a validator's beacon key (emcd beacon-key register does this for you)", "pubkey", "proof"),
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
