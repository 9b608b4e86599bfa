package cmd

import (
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"google.golang.org/protobuf/reflect/protoreflect"

	autocliv1 "cosmossdk.io/api/cosmos/autocli/v1"
	"cosmossdk.io/client/v2/autocli/flag"

	sdkflags "github.com/cosmos/cosmos-sdk/client/flags"
)

// reserveFlags renames the generated flags of fields that are called like a flag
// of every command: a message's field "node" would otherwise collide with
// --node, the address of the RPC, and stop the program. An address gets the
// suffix -address, anything else -value; a module may choose a better name.
func reserveFlags(files flag.FileResolver, options map[string]*autocliv1.ModuleOptions) error {
	query, tx := &cobra.Command{}, &cobra.Command{}
	sdkflags.AddQueryFlagsToCmd(query)
	sdkflags.AddKeyringFlags(query.Flags())
	sdkflags.AddTxFlagsToCmd(tx)
	for _, module := range options {
		if module == nil {
			continue
		}
		for _, one := range []struct {
			service  *autocliv1.ServiceCommandDescriptor
			reserved *pflag.FlagSet
		}{{module.Query, query.Flags()}, {module.Tx, tx.Flags()}} {
			if one.service == nil || one.service.Service == "" {
				continue
			}
			descriptor, err := files.FindDescriptorByName(protoreflect.FullName(one.service.Service))
			if err != nil {
				return err
			}
			reserveService(descriptor.(protoreflect.ServiceDescriptor), one.service, one.reserved)
		}
	}
	return nil
}

func reserveService(service protoreflect.ServiceDescriptor, options *autocliv1.ServiceCommandDescriptor, reserved *pflag.FlagSet) {
	byMethod := map[string]*autocliv1.RpcCommandOptions{}
	for _, option := range options.RpcCommandOptions {
		byMethod[option.RpcMethod] = option
	}
	for i := range service.Methods().Len() {
		method := service.Methods().Get(i)
		option := byMethod[string(method.Name())]
		fields := method.Input().Fields()
		for j := range fields.Len() {
			field := fields.Get(j)
			name := strings.ReplaceAll(string(field.Name()), "_", "-")
			if reserved.Lookup(name) == nil || string(field.Name()) == flag.GetSignerFieldName(method.Input()) || isPositional(option, field) {
				continue
			}
			if option == nil {
				option = &autocliv1.RpcCommandOptions{RpcMethod: string(method.Name())}
				options.RpcCommandOptions = append(options.RpcCommandOptions, option)
			}
			if option.FlagOptions == nil {
				option.FlagOptions = map[string]*autocliv1.FlagOptions{}
			}
			flagOption := option.FlagOptions[string(field.Name())]
			if flagOption == nil {
				flagOption = &autocliv1.FlagOptions{}
				option.FlagOptions[string(field.Name())] = flagOption
			}
			if flagOption.Name == "" || reserved.Lookup(flagOption.Name) != nil {
				suffix := "-value"
				if scalar, _ := flag.GetScalarType(field); strings.HasSuffix(scalar, "AddressString") {
					suffix = "-address"
				}
				flagOption.Name = name + suffix
			}
		}
	}
}

func isPositional(option *autocliv1.RpcCommandOptions, field protoreflect.FieldDescriptor) bool {
	if option == nil {
		return false
	}
	for _, argument := range option.PositionalArgs {
		if argument.ProtoField == string(field.Name()) {
			return true
		}
	}
	return false
}
