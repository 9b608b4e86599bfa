package socket

import (
	"maps"
	"slices"

	autocliv1 "cosmossdk.io/api/cosmos/autocli/v1"

	"github.com/edgematrix/emc/x/socket/types"
)

// AutoCLIOptions gives every message and query its command.
func (AppModule) AutoCLIOptions() *autocliv1.ModuleOptions {
	return &autocliv1.ModuleOptions{
		Query: &autocliv1.ServiceCommandDescriptor{
			Service: types.Query_serviceDesc.ServiceName,
			RpcCommandOptions: []*autocliv1.RpcCommandOptions{
				command("Params", "params", "Show the rules of the module", ""),
				command("Socket", "socket [socket]", "Show one socket: its state in words, what is left of it, its picture", "emcd query socket socket s0f3c…", "socket"),
				{RpcMethod: "Listings", Skip: true}, // cmd/emcd has one that sorts, and draws a table
				command("NodeSockets", "node-sockets [node]", "List a node's sockets", "emcd query socket node-sockets emc1…", "node"),
				command("Held", "held [holder]", "List somebody's sockets that are listed or plugged (the others: emcd query nft nfts --owner)", "emcd query socket held emc1…", "holder"),
			},
		},
		Tx: &autocliv1.ServiceCommandDescriptor{
			Service: types.Msg_serviceDesc.ServiceName,
			RpcCommandOptions: []*autocliv1.RpcCommandOptions{
				flags(command("Mint", "mint [node] [app] --slots N --slot-power MICRO_E --seconds N", "Make a socket of a node's free slots and proven power",
					"emcd tx socket mint emc1… charlm --slots 1 --slot-power 250000 --seconds 86400 --ask 25emc --from operator", "node", "app"), map[string]string{
					"slots":      "slots of the node that the socket holds",
					"slot_power": "proven power behind each slot in micro-E: 1000000 is 1 E",
					"seconds":    "until it expires",
					"royalty":    "of each resale, in hundredths of a percent",
					"ask":        "list it at once for this price",
				}),
				command("List", "list [socket] [ask]", "Offer a socket for sale; a new price replaces the old one", "emcd tx socket list s0f3c… 30emc --from alice", "socket", "ask"),
				command("Delist", "delist [socket]", "Take an offer back", "emcd tx socket delist s0f3c… --from alice", "socket"),
				flags(command("Buy", "buy [socket] --max-price AMOUNT", "Buy a socket that is for sale, for at most a price",
					"emcd tx socket buy s0f3c… --max-price 25emc --from alice", "socket"), map[string]string{
					"max_price": "what you pay at most: a listing that became dearer meanwhile is not bought",
				}),
				flags(command("Plug", "plug [socket] --key KEY", "Open a session that the socket pays for; its calls and jobs run on the socket's node",
					`emcd tx socket plug s0f3c… --key KEY --allotments '{"router":"emc1…","amount":{"denom":"uemc","amount":"5000000"}}' --from bob`, "socket"), map[string]string{
					"key":        "compressed secp256k1 key that signs requests and vouchers, 33 bytes in hex or base64",
					"allotments": `what each router may vouch for, as JSON, once for each`,
				}),
				command("Unplug", "unplug [socket]", "Close the socket's session; the socket is free again when it is settled", "emcd tx socket unplug s0f3c… --from bob", "socket"),
				command("Split", "split [socket] [slots]", "Take slots out of a socket into a new one, with their part of power and money", "emcd tx socket split s0f3c… 2 --from bob", "socket", "slots"),
				command("Burn", "burn [socket]", "End a socket before its time; what is not used is paid out as at its end", "emcd tx socket burn s0f3c… --from bob", "socket"),
				{RpcMethod: "UpdateParams", Skip: true}, // governance only
			},
		},
	}
}

func flags(options *autocliv1.RpcCommandOptions, words map[string]string) *autocliv1.RpcCommandOptions {
	options.FlagOptions = map[string]*autocliv1.FlagOptions{}
	for _, field := range slices.Sorted(maps.Keys(words)) {
		options.FlagOptions[field] = &autocliv1.FlagOptions{Usage: words[field]}
	}
	return options
}

func command(method, use, short, example string, positional ...string) *autocliv1.RpcCommandOptions {
	options := &autocliv1.RpcCommandOptions{RpcMethod: method, Use: use, Short: short, Example: example}
	for _, field := range positional {
		options.PositionalArgs = append(options.PositionalArgs, &autocliv1.PositionalArgDescriptor{ProtoField: field})
	}
	return options
}
