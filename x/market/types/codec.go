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
	legacy.RegisterAminoMsg(cdc, &MsgOpenSession{}, "emc/market/OpenSession")
	legacy.RegisterAminoMsg(cdc, &MsgTopUpSession{}, "emc/market/TopUpSession")
	legacy.RegisterAminoMsg(cdc, &MsgRotateSessionKey{}, "emc/market/RotateSessionKey")
	legacy.RegisterAminoMsg(cdc, &MsgCloseSession{}, "emc/market/CloseSession")
	legacy.RegisterAminoMsg(cdc, &MsgSubmitSessionJob{}, "emc/market/SubmitSessionJob")
	legacy.RegisterAminoMsg(cdc, &MsgSetCover{}, "emc/market/SetCover")
	legacy.RegisterAminoMsg(cdc, &MsgRedeemVouchers{}, "emc/market/RedeemVouchers")
	legacy.RegisterAminoMsg(cdc, &MsgCollectShares{}, "emc/market/CollectShares")
	legacy.RegisterAminoMsg(cdc, &MsgRecordReceipt{}, "emc/market/RecordReceipt")
	legacy.RegisterAminoMsg(cdc, &MsgUpdateParams{}, "emc/market/UpdateParams")
}

// RegisterInterfaces registers the messages for protobuf Any.
func RegisterInterfaces(registry cdctypes.InterfaceRegistry) {
	registry.RegisterImplementations((*sdk.Msg)(nil),
		&MsgOpenSession{}, &MsgTopUpSession{}, &MsgRotateSessionKey{}, &MsgCloseSession{}, &MsgSubmitSessionJob{},
		&MsgSetCover{}, &MsgRedeemVouchers{}, &MsgCollectShares{}, &MsgRecordReceipt{}, &MsgUpdateParams{})
	msgservice.RegisterMsgServiceDesc(registry, &_Msg_serviceDesc)
}
