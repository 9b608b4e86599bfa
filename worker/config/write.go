package config

import (
	"fmt"
	"os"
	"strings"
	"text/template"
)

var file = template.Must(template.New("config.toml").Funcs(template.FuncMap{
	"list": func(l []string) string {
		quoted := make([]string, len(l))
		for i, s := range l {
			quoted[i] = fmt.Sprintf("%q", s)
		}
		return "[" + strings.Join(quoted, ", ") + "]"
	},
}).Parse(`# Settings of this emc-worker. Every one can be overridden by the environment:
# EMC_WORKER_CHAIN_RPC stands for chain.rpc, and so on. Unknown settings are refused.

[chain]
# The chain that this worker serves, and a CometBFT RPC endpoint of one of its nodes.
id = {{printf "%q" .Chain.ID}}
rpc = {{printf "%q" .Chain.RPC}}
gas_prices = {{printf "%q" .Chain.GasPrices}}
gas_adjustment = {{printf "%.1f" .Chain.GasAdjustment}}
# Who pays the worker's fees. Empty: the node's operator, by the grant made at registration.
fee_granter = {{printf "%q" .Chain.FeeGranter}}

[offer]
# What the node sells. Changes here take effect with ` + "`emc-worker register`" + `, which the operator signs.
# price: of one slot for one hour. slots: how many jobs run at once; each gets an equal share of the machine.
price = {{printf "%q" .Offer.Price}}
slots = {{.Offer.Slots}}
# region: ISO 3166, such as "DE" or "US-CA". Empty: not told.
region = {{printf "%q" .Offer.Region}}
# apps: ids of single apps to serve. runtimes: serve every app of these.
apps = {{list .Offer.Apps}}
runtimes = {{list .Offer.Runtimes}}

[network]
# Where customers upload inputs and fetch results (libp2p multiaddresses).
listen = {{list .Network.Listen}}
# What the node publishes instead of the addresses found, for example behind a port forwarding:
# announce = ["/ip4/203.0.113.7/tcp/4600"]
announce = {{list .Network.Announce}}

[storage]
# All jobs together, one job, and cached apps.
max_bytes = {{printf "%q" .Storage.MaxBytes}}
max_job_bytes = {{printf "%q" .Storage.MaxJobBytes}}
apps_bytes = {{printf "%q" .Storage.AppsBytes}}
# How long outputs are kept until they are accepted, and after that; how long logs are.
retain_outputs = "{{.Storage.RetainOutputs}}"
retain_accepted = "{{.Storage.RetainAccepted}}"
retain_logs = "{{.Storage.RetainLogs}}"

[log]
# level: debug, info, warn or error. format: text or json.
level = {{printf "%q" .Log.Level}}
format = {{printf "%q" .Log.Format}}

[metrics]
# Prometheus metrics, for example "127.0.0.1:9464". Empty: none.
address = {{printf "%q" .Metrics.Address}}
`))

// Write writes a new settings file. It never overwrites one.
func Write(path string, c Config) error {
	if err := c.Validate(); err != nil {
		return err
	}
	var text strings.Builder
	if err := file.Execute(&text, c); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if os.IsExist(err) {
		return fmt.Errorf("%s exists already and is not overwritten; edit it, or choose another --home", path)
	}
	if err != nil {
		return err
	}
	if _, err := f.WriteString(text.String()); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}
