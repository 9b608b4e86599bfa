package market

import (
	"maps"
	"slices"

	autocliv1 "cosmossdk.io/api/cosmos/autocli/v1"

	"github.com/edgematrix/emc/x/market/types"
)

// AutoCLIOptions gives every message and query its command.
func (AppModule) AutoCLIOptions() *autocliv1.ModuleOptions {
	return &autocliv1.ModuleOptions{
		Query: &autocliv1.ServiceCommandDescriptor{
			Service: types.Query_serviceDesc.ServiceName,
			RpcCommandOptions: []*autocliv1.RpcCommandOptions{
				command("Params", "params", "Show the rules of the module"),
				command("Session", "session [session]", "Show one session: its state in words, its escrow, its routers", "session"),
				command("Sessions", "sessions [owner]", "List an owner's sessions, newest first", "owner"),
				command("Lanes", "lanes [session]", "List what was settled in a session, by router and node", "session"),
				command("Receipts", "receipts [session]", "List the receipts of a session that were recorded", "session"),
				command("Router", "router [router]", "Show what a router may still vouch for, what it covers, and what it earned", "router"),
				command("Cover", "cover [router] [node]", "Show what a router reserved for a node", "router", "node"),
				command("NodeCovers", "node-covers [node]", "List what routers reserved for a node", "node"),
			},
		},
		Tx: &autocliv1.ServiceCommandDescriptor{
			Service: types.Msg_serviceDesc.ServiceName,
			RpcCommandOptions: []*autocliv1.RpcCommandOptions{
				flags(command("OpenSession", "open-session [deposit]", "Pay a deposit from which calls are paid", "deposit"), map[string]string{
					"key":        "compressed secp256k1 key that signs requests and vouchers, 33 bytes in hex or base64",
					"allotments": `what each router may vouch for, as JSON, once for each: {"router":"emc1...","amount":{"denom":"uemc","amount":"1000000"}}`,
					"seconds":    "until the session expires",
				}),
				flags(command("TopUpSession", "top-up-session [session] [amount]", "Add money, allotments, routers or time to a session", "session", "amount"), map[string]string{
					"allotments": "what to add to each router's allotment, as for open-session",
					"seconds":    "from now until the session expires; it never becomes earlier",
				}),
				command("RotateSessionKey", "rotate-session-key [session] [key]", "Replace a session's key", "session", "key"),
				command("CloseSession", "close-session [session]", "Begin to close a session: what was co-signed is redeemed, then the rest comes back", "session"),
				command("SubmitSessionJob", "submit-session-job [session] [app]", "Submit a job that a session pays for", "session", "app"),
				command("SetCover", "set-cover [router] [node] [amount]", "Reserve a router's stake for a node: more at once, less after the closing period", "router", "node", "amount"),
				flags(command("RedeemVouchers", "redeem-vouchers", "Settle vouchers of many sessions (the node's daemon does this for you)"), map[string]string{
					"vouchers": "a voucher as JSON; once for each",
				}),
				command("CollectShares", "collect-shares [router] [session]...", "Pay a router what it earned in sessions", "router"),
				command("RecordReceipt", "record-receipt", "Show that a receipt is settled, and record it as evidence"),
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

func command(method, use, short string, positional ...string) *autocliv1.RpcCommandOptions {
	options := &autocliv1.RpcCommandOptions{RpcMethod: method, Use: use, Short: short}
	for _, field := range positional {
		options.PositionalArgs = append(options.PositionalArgs, &autocliv1.PositionalArgDescriptor{ProtoField: field})
	}
	return options
}
