package chainclient

import (
	"fmt"

	"github.com/cosmos/gogoproto/proto"

	sdkclient "github.com/cosmos/cosmos-sdk/client"
	"github.com/cosmos/cosmos-sdk/codec"
	"github.com/cosmos/cosmos-sdk/codec/address"
	codectypes "github.com/cosmos/cosmos-sdk/codec/types"
	"github.com/cosmos/cosmos-sdk/std"
	authtx "github.com/cosmos/cosmos-sdk/x/auth/tx"
	authtypes "github.com/cosmos/cosmos-sdk/x/auth/types"
	banktypes "github.com/cosmos/cosmos-sdk/x/bank/types"
	"github.com/cosmos/cosmos-sdk/x/feegrant"
	"github.com/cosmos/cosmos-sdk/x/tx/signing"

	"github.com/edgematrix/emc/pkg/bech32"
	computetypes "github.com/edgematrix/emc/x/compute/types"
	markettypes "github.com/edgematrix/emc/x/market/types"
	poctypes "github.com/edgematrix/emc/x/poc/types"
)

// Encoding holds the codecs for the messages and accounts that a worker and its
// operator deal in.
type Encoding struct {
	Registry codectypes.InterfaceRegistry
	Codec    *codec.ProtoCodec
	TxConfig sdkclient.TxConfig
}

// NewEncoding returns fresh codecs with the chain's address prefixes.
func NewEncoding() (Encoding, error) {
	registry, err := codectypes.NewInterfaceRegistryWithOptions(codectypes.InterfaceRegistryOptions{
		ProtoFiles: proto.HybridResolver,
		SigningOptions: signing.Options{
			AddressCodec:          address.NewBech32Codec(bech32.Account),
			ValidatorAddressCodec: address.NewBech32Codec(bech32.Validator),
		},
	})
	if err != nil {
		return Encoding{}, fmt.Errorf("message types: %w", err)
	}
	std.RegisterInterfaces(registry)
	authtypes.RegisterInterfaces(registry)
	banktypes.RegisterInterfaces(registry)
	feegrant.RegisterInterfaces(registry)
	computetypes.RegisterInterfaces(registry)
	markettypes.RegisterInterfaces(registry)
	poctypes.RegisterInterfaces(registry)
	cdc := codec.NewProtoCodec(registry)
	return Encoding{Registry: registry, Codec: cdc, TxConfig: authtx.NewTxConfig(cdc, authtx.DefaultSignModes)}, nil
}
