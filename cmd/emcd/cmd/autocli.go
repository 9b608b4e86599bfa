package cmd

import (
	"context"
	"slices"

	"github.com/cosmos/gogoproto/proto"
	"github.com/spf13/cobra"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	autocliv1 "cosmossdk.io/api/cosmos/autocli/v1"
	basev1beta1 "cosmossdk.io/api/cosmos/base/v1beta1"
	"cosmossdk.io/client/v2/autocli"
	"cosmossdk.io/client/v2/autocli/flag"
	"cosmossdk.io/core/appmodule"

	"github.com/cosmos/cosmos-sdk/client"
	sdkflags "github.com/cosmos/cosmos-sdk/client/flags"
	"github.com/cosmos/cosmos-sdk/codec/address"
	runtimeservices "github.com/cosmos/cosmos-sdk/runtime/services"
	banktypes "github.com/cosmos/cosmos-sdk/x/bank/types"
	stakingtypes "github.com/cosmos/cosmos-sdk/x/staking/types"

	"github.com/edgematrix/emc/app"
	"github.com/edgematrix/emc/app/params"
	"github.com/edgematrix/emc/pkg/amount"
)

// addModuleCommands adds the transactions and queries of every module.
func addModuleCommands(root *cobra.Command, chain *app.App) error {
	modules := map[string]appmodule.AppModule{}
	for name, module := range chain.ModuleManager().Modules {
		if m, ok := module.(appmodule.AppModule); ok {
			modules[name] = m
		}
	}
	files, err := proto.MergedRegistry()
	if err != nil {
		return err
	}
	moduleOptions := runtimeservices.ExtractAutoCLIOptions(chain.ModuleManager().Modules)
	preferGenerated(root, chain, moduleOptions)
	if err := reserveFlags(files, moduleOptions); err != nil {
		return err
	}
	options := autocli.AppOptions{
		Modules:               modules,
		ModuleOptions:         moduleOptions,
		AddressCodec:          address.NewBech32Codec(params.AddressPrefix),
		ValidatorAddressCodec: address.NewBech32Codec(params.ValidatorPrefix),
		ConsensusAddressCodec: address.NewBech32Codec(params.ConsensusPrefix),
	}
	builder := &autocli.Builder{
		Builder: flag.Builder{
			TypeResolver:          protoregistry.GlobalTypes,
			FileResolver:          files,
			AddressCodec:          options.AddressCodec,
			ValidatorAddressCodec: options.ValidatorAddressCodec,
			ConsensusAddressCodec: options.ConsensusAddressCodec,
		},
		GetClientConn: func(cmd *cobra.Command) (grpc.ClientConnInterface, error) {
			return client.GetClientQueryContext(cmd)
		},
		AddQueryConnFlags: func(cmd *cobra.Command) {
			sdkflags.AddQueryFlagsToCmd(cmd)
			sdkflags.AddKeyringFlags(cmd.Flags())
		},
		AddTxConnFlags: sdkflags.AddTxFlagsToCmd,
	}
	builder.DefineMessageFlagType("cosmos.base.v1beta1.Coin", coinType{})
	if err := options.EnhanceRootCommandWithBuilder(root, builder); err != nil {
		return err
	}
	sockets, _, err := root.Find([]string{"query", "socket"})
	if err == nil {
		sockets.AddCommand(socketListingsCmd())
	}
	return err
}

// coinType reads a coin in any of the units that people write.
type coinType struct{}

func (coinType) NewValue(*context.Context, *flag.Builder) flag.Value { return &coinValue{} }

func (coinType) DefaultValue() string { return "" }

// coinValue is one coin on the command line.
type coinValue struct{ coin *basev1beta1.Coin }

func (v *coinValue) Get(protoreflect.Value) (protoreflect.Value, error) {
	if v.coin == nil {
		return protoreflect.Value{}, nil
	}
	return protoreflect.ValueOfMessage(v.coin.ProtoReflect()), nil
}

func (v *coinValue) String() string {
	if v.coin == nil {
		return ""
	}
	return v.coin.Amount + v.coin.Denom
}

func (v *coinValue) Set(s string) error {
	coin, err := amount.ParseCoin(s)
	if err != nil {
		return err
	}
	v.coin = &basev1beta1.Coin{Denom: coin.Denom, Amount: coin.Amount.String()}
	return nil
}

func (*coinValue) Type() string { return "amount" }

// preferGenerated lets AutoCLI generate the commands for which the SDK still
// ships older ones by hand, and keeps those that it cannot generate: only the
// generated ones resolve key names wherever an address may stand.
func preferGenerated(root *cobra.Command, chain *app.App, options map[string]*autocliv1.ModuleOptions) {
	tx, _, err := root.Find([]string{"tx"})
	if err != nil {
		panic(err)
	}
	for name, old := range map[string][]string{
		banktypes.ModuleName:    {"send"},
		stakingtypes.ModuleName: {"delegate", "redelegate", "unbond", "cancel-unbond"},
	} {
		module, ok := chain.ModuleManager().Modules[name].(autocli.HasCustomTxCommand)
		if !ok || options[name] == nil || options[name].Tx == nil {
			continue
		}
		custom := module.GetTxCmd()
		for _, sub := range custom.Commands() {
			if slices.Contains(old, sub.Name()) {
				custom.RemoveCommand(sub)
			}
		}
		options[name].Tx.EnhanceCustomCommand = true
		tx.AddCommand(custom)
	}
}
