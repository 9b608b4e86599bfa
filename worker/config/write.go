package config

import (
	"strconv"
	"strings"
	"text/template"

	"github.com/edgematrix/emc/pkg/settings"
)

var file = template.Must(template.New("config.toml").Funcs(template.FuncMap{
	"text":  settings.Quote,
	"float": number,
	"list":  settings.QuoteList,
}).Parse(`# Settings of this emc-worker. Every one can be overridden by the environment:
# EMC_WORKER_CHAIN_RPC stands for chain.rpc, and so on. Unknown settings are refused.

[chain]
# The chain that this worker serves, and a CometBFT RPC endpoint of one of its nodes.
id = {{text .Chain.ID}}
rpc = {{text .Chain.RPC}}
gas_prices = {{text .Chain.GasPrices}}
gas_adjustment = {{float .Chain.GasAdjustment}}
# Who pays the worker's fees. Empty: the node's operator, by the grant made at registration.
fee_granter = {{text .Chain.FeeGranter}}

[offer]
# What the node sells. Changes here take effect with ` + "`emc-worker register`" + `, which the operator signs.
# price: of one slot for one hour. slots: how many jobs run at once; each gets an equal share of the machine.
price = {{text .Offer.Price}}
slots = {{.Offer.Slots}}
# region: ISO 3166, such as "DE" or "US-CA". Empty: not told.
region = {{text .Offer.Region}}
# apps: ids of single apps to serve. runtimes: serve every app of these.
apps = {{list .Offer.Apps}}
runtimes = {{list .Offer.Runtimes}}

[network]
# Where customers upload inputs and fetch results (libp2p multiaddresses).
listen = {{list .Network.Listen}}
# What the node publishes instead of the addresses found, for example behind a port forwarding:
# announce = ["/ip4/203.0.113.7/tcp/4600"]
announce = {{list .Network.Announce}}
# relay: routers bring customers who cannot connect to this machine, and the chain says which. "auto": when it has no public IPv4 address and
# announces nothing; "always", for example behind a firewall; "never": nor do they for calls that are faster that way.
relay = {{text .Network.Relay}}

[storage]
# All jobs together, one job, and cached apps.
max_bytes = {{text .Storage.MaxBytes}}
max_job_bytes = {{text .Storage.MaxJobBytes}}
apps_bytes = {{text .Storage.AppsBytes}}
# How long outputs are kept until they are accepted, and after that; how long logs are.
retain_outputs = "{{.Storage.RetainOutputs}}"
retain_accepted = "{{.Storage.RetainAccepted}}"
retain_logs = "{{.Storage.RetainLogs}}"

[docker]
# "docker" in offer.runtimes serves every docker app. enable: serve those that offer.apps names.
enable = {{.Docker.Enable}}
# host: the Engine's socket, such as "unix:///var/run/docker.sock". Empty: DOCKER_HOST, or the Engine's default.
host = {{text .Docker.Host}}
# runtime: an OCI runtime that the Engine knows, such as "runsc". Empty: the strongest that works here.
runtime = {{text .Docker.Runtime}}
# image_bytes: what the images of apps may take in the Engine.
image_bytes = {{text .Docker.ImageBytes}}
# egress: give jobs that ask for it a way to the internet, through a proxy that refuses your network. What they do there
# is done from your address.
egress = {{.Docker.Egress}}

[proof]
# enabled: prove this node's computing power E in the network's windows, some seconds each time. Jobs are held still
# meanwhile. Without it the node has no power and earns no emission. docs/power.md says more.
enabled = {{.Proof.Enabled}}
# threads: how many cores prove. 0: all.
threads = {{.Proof.Threads}}
# memory: what the prover allocates at most.
memory = {{text .Proof.Memory}}
# log2_n: the matrices are n x n, n = 2^log2_n, 10 to 14. 0: what suits this machine.
log2_n = {{.Proof.Log2N}}

[calls]
# What customers of sessions may owe before a voucher comes, in each lane (session and router): what a stranger can take.
credit = {{text .Calls.Credit}}
# What may be lost of a lane when the worker is killed: less is written more often.
unwritten = {{text .Calls.Unwritten}}
# Vouchers go to the chain when a lane is worth so much, or after so long.
redeem_amount = {{text .Calls.RedeemAmount}}
redeem_age = "{{.Calls.RedeemAge}}"
# routers: addresses such as "/ip4/203.0.113.7/tcp/4700/p2p/16Uiu2…" beside those that have reserved cover for this node.
routers = {{list .Calls.Routers}}

[log]
# level: debug, info, warn or error. format: text or json.
level = {{text .Log.Level}}
format = {{text .Log.Format}}

[metrics]
# Prometheus metrics, for example "127.0.0.1:9464". Empty: none.
address = {{text .Metrics.Address}}
`))

// number writes a TOML float with all its digits.
func number(f float64) string {
	s := strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}

// Write writes a new settings file. It never overwrites one.
func Write(path string, c Config) error {
	if err := c.Validate(); err != nil {
		return err
	}
	var text strings.Builder
	if err := file.Execute(&text, c); err != nil {
		return err
	}
	return settings.Create(path, text.String())
}
