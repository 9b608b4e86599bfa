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
	legacy.RegisterAminoMsg(cdc, &MsgRegisterBeaconKey{}, "emc/poc/RegisterBeaconKey")
	legacy.RegisterAminoMsg(cdc, &MsgCommitProof{}, "emc/poc/CommitProof")
	legacy.RegisterAminoMsg(cdc, &MsgRevealProof{}, "emc/poc/RevealProof")
	legacy.RegisterAminoMsg(cdc, &MsgClaimRewards{}, "emc/poc/ClaimRewards")
	legacy.RegisterAminoMsg(cdc, &MsgSetProber{}, "emc/poc/SetProber")
	legacy.RegisterAminoMsg(cdc, &MsgReportProbes{}, "emc/poc/ReportProbes")
	legacy.RegisterAminoMsg(cdc, &MsgUpdateParams{}, "emc/poc/UpdateParams")
}

// RegisterInterfaces registers the messages for protobuf Any.
func RegisterInterfaces(registry cdctypes.InterfaceRegistry) {
	registry.RegisterImplementations((*sdk.Msg)(nil),
		&MsgRegisterBeaconKey{}, &MsgCommitProof{}, &MsgRevealProof{}, &MsgClaimRewards{}, &MsgUpdateParams{},
		&MsgSetProber{}, &MsgReportProbes{})
	msgservice.RegisterMsgServiceDesc(registry, &_Msg_serviceDesc)
}
