package compute

import (
	"maps"
	"slices"

	autocliv1 "cosmossdk.io/api/cosmos/autocli/v1"

	"github.com/edgematrix/emc/x/compute/types"
)

// AutoCLIOptions gives every message and query its command.
func (AppModule) AutoCLIOptions() *autocliv1.ModuleOptions {
	return &autocliv1.ModuleOptions{
		Query: &autocliv1.ServiceCommandDescriptor{
			Service:           types.Query_serviceDesc.ServiceName,
			RpcCommandOptions: queryCommands(),
		},
		Tx: &autocliv1.ServiceCommandDescriptor{
			Service:           types.Msg_serviceDesc.ServiceName,
			RpcCommandOptions: txCommands(),
		},
	}
}

func queryCommands() []*autocliv1.RpcCommandOptions {
	return []*autocliv1.RpcCommandOptions{
		command("Params", "params", "Show the rules of the module"),
		command("Clock", "clock", "Show the network's clock: how long the network has stood still"),
		command("Node", "node [node]", "Show one node: what it offers, whether it is online, what it earned a name for", "node"),
		command("Nodes", "nodes", "List nodes, all or one operator's (--operator)"),
		command("Reservations", "reservations [node]", "List what a node has promised", "node"),
		command("Unbondings", "unbondings [node]", "List the stake on its way back from a node", "node"),
		command("Slashes", "slashes [node]", "List a node's punishments with their evidence", "node"),
		command("App", "app [app]", "Show one app", "app"),
		command("Apps", "apps", "List the app registry"),
		command("Job", "job [job]", "Show one job and its escrow", "job"),
		command("CustomerJobs", "customer-jobs [customer]", "List a customer's jobs", "customer"),
		command("NodeJobs", "node-jobs [node]", "List the jobs that hold a slot of a node", "node"),
		flags(command("Match", "match [app]", "Tell which node a job would get now, and for every other one which requirement it fails", "app"), demandFlags),
	}
}

func txCommands() []*autocliv1.RpcCommandOptions {
	return []*autocliv1.RpcCommandOptions{
		flags(command("RegisterNode", "register-node", "Register a computing node (emc-worker register does this for you) or a router"), offerFlags, map[string]string{
			"pubkey":        "the node's compressed secp256k1 key, 33 bytes in hex or base64",
			"key_signature": "the node key's signature that it agrees to the operator, 64 bytes in hex or base64",
		}),
		flags(command("UpdateNode", "update-node [node]", "Replace a node's offer; its role stays", "node"), offerFlags),
		command("RetireNode", "retire-node [node]", "Take a node out and get its deposit back (--when-idle: after its last promise)", "node"),
		command("Stake", "stake [node] [amount]", "Add stake to a node", "node", "amount"),
		command("Unstake", "unstake [node] [amount]", "Withdraw free stake; it arrives after the unbonding time", "node", "amount"),
		command("Unjail", "unjail [node]", "Let a jailed node take work again", "node"),
		command("ReportStatus", "report-status [node]", "Report a node online (the worker does this for you)", "node"),
		command("RegisterApp", "register-app [id] [runtime] [digest]", "Add an app to the registry (runtime wasm or docker; digest is the artifact's SHA-256)", "id", "runtime", "digest"),
		command("UpdateApp", "update-app [id] [runtime] [digest]", "Replace your app's entry", "id", "runtime", "digest"),
		flags(command("SubmitJob", "submit-job [app]", "Submit a job (emcd job run does this and the rest for you)", "app"), demandFlags, map[string]string{
			"spec_digest":   "salted digest of the specification, 32 bytes in hex or base64 (pkg/job)",
			"inputs_digest": "salted digest of the inputs' manifest, 32 bytes in hex or base64 (pkg/job)",
			"access_key":    "compressed secp256k1 public key with which the client will speak to the node",
		}),
		command("AcknowledgeJob", "acknowledge-job [job]", "Acknowledge a job (the worker does this for you)", "job"),
		command("DeclineJob", "decline-job [job] [reason]", "Give a job back before it starts", "job", "reason"),
		command("StartJob", "start-job [job]", "Start a job (the worker does this for you)", "job"),
		command("SubmitReceipt", "submit-receipt [job]", "End a job with a receipt (the worker does this for you)", "job"),
		command("AcceptResult", "accept-result [job]", "Accept a result and pay at once", "job"),
		command("CancelJob", "cancel-job [job]", "Cancel a job that has not finished", "job"),
		{RpcMethod: "UpdateParams", Skip: true}, // governance only
	}
}

// offerFlags explain what a node sells.
var offerFlags = map[string]string{
	"offer": `what the node sells, as JSON: {"hardware":{},"region":"DE","slots":2,"slot_hour_price":{"denom":"uemc","amount":"360000"},"runtimes":["wasm"]}; ` +
		`a router sells no slots: {"hardware":{},"region":"DE","slots":0,"slot_hour_price":{"denom":"uemc","amount":"0"}}`,
}

// demandFlags explain what a job asks for.
var demandFlags = map[string]string{
	"node":         "the node that the job must run on (default: the cheapest that fits)",
	"requirements": `what the node must have, as JSON: {"memory_bytes":"536870912","cpu_cores":1,"region":"DE","min_slot_power":"500000"}; power in micro-E`,
	"max_seconds":  "the longest run that is paid for, in seconds",
	"max_price":    "the most that the job may cost",
}

func flags(options *autocliv1.RpcCommandOptions, usage ...map[string]string) *autocliv1.RpcCommandOptions {
	options.FlagOptions = map[string]*autocliv1.FlagOptions{}
	for _, words := range usage {
		for _, field := range slices.Sorted(maps.Keys(words)) {
			options.FlagOptions[field] = &autocliv1.FlagOptions{Usage: words[field]}
		}
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
