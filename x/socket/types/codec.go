package types

import (
	"github.com/cosmos/cosmos-sdk/codec"
	"github.com/cosmos/cosmos-sdk/codec/legacy"
	cdctypes "github.com/cosmos/cosmos-sdk/codec/types"
	sdk "github.com/cosmos/cosmos-sdk/types"
	"github.com/cosmos/cosmos-sdk/types/msgservice"
)

// RegisterLegacyAminoCodec registers the messages under the names that amino
// JSON signing (Ledger, older wallets) shows; the .proto files carry the same.
func RegisterLegacyAminoCodec(cdc *codec.LegacyAmino) {
	legacy.RegisterAminoMsg(cdc, &MsgMint{}, "emc/socket/Mint")
	legacy.RegisterAminoMsg(cdc, &MsgList{}, "emc/socket/List")
	legacy.RegisterAminoMsg(cdc, &MsgDelist{}, "emc/socket/Delist")
	legacy.RegisterAminoMsg(cdc, &MsgBuy{}, "emc/socket/Buy")
	legacy.RegisterAminoMsg(cdc, &MsgPlug{}, "emc/socket/Plug")
	legacy.RegisterAminoMsg(cdc, &MsgUnplug{}, "emc/socket/Unplug")
	legacy.RegisterAminoMsg(cdc, &MsgSplit{}, "emc/socket/Split")
	legacy.RegisterAminoMsg(cdc, &MsgBurn{}, "emc/socket/Burn")
	legacy.RegisterAminoMsg(cdc, &MsgUpdateParams{}, "emc/socket/UpdateParams")
}

// RegisterInterfaces registers the messages and the NFTs' data for protobuf Any.
func RegisterInterfaces(registry cdctypes.InterfaceRegistry) {
	registry.RegisterImplementations((*sdk.Msg)(nil),
		&MsgMint{}, &MsgList{}, &MsgDelist{}, &MsgBuy{}, &MsgPlug{}, &MsgUnplug{}, &MsgSplit{}, &MsgBurn{}, &MsgUpdateParams{})
	// x/nft answers its data as an Any, which the REST gateway can only show when the type is known.
	registry.RegisterInterface("emc.socket.v1.NFTData", (*NFTData)(nil), &Metadata{})
	msgservice.RegisterMsgServiceDesc(registry, &_Msg_serviceDesc)
}

// NFTData is what an NFT of this module carries.
type NFTData interface{ isNFTData() }

func (*Metadata) isNFTData() {}
