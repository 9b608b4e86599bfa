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
	legacy.RegisterAminoMsg(cdc, &MsgRegisterNode{}, "emc/compute/RegisterNode")
	legacy.RegisterAminoMsg(cdc, &MsgUpdateNode{}, "emc/compute/UpdateNode")
	legacy.RegisterAminoMsg(cdc, &MsgRetireNode{}, "emc/compute/RetireNode")
	legacy.RegisterAminoMsg(cdc, &MsgStake{}, "emc/compute/Stake")
	legacy.RegisterAminoMsg(cdc, &MsgUnstake{}, "emc/compute/Unstake")
	legacy.RegisterAminoMsg(cdc, &MsgUnjail{}, "emc/compute/Unjail")
	legacy.RegisterAminoMsg(cdc, &MsgReportStatus{}, "emc/compute/ReportStatus")
	legacy.RegisterAminoMsg(cdc, &MsgRegisterApp{}, "emc/compute/RegisterApp")
	legacy.RegisterAminoMsg(cdc, &MsgUpdateApp{}, "emc/compute/UpdateApp")
	legacy.RegisterAminoMsg(cdc, &MsgSubmitJob{}, "emc/compute/SubmitJob")
	legacy.RegisterAminoMsg(cdc, &MsgAcknowledgeJob{}, "emc/compute/AcknowledgeJob")
	legacy.RegisterAminoMsg(cdc, &MsgDeclineJob{}, "emc/compute/DeclineJob")
	legacy.RegisterAminoMsg(cdc, &MsgStartJob{}, "emc/compute/StartJob")
	legacy.RegisterAminoMsg(cdc, &MsgSubmitReceipt{}, "emc/compute/SubmitReceipt")
	legacy.RegisterAminoMsg(cdc, &MsgAcceptResult{}, "emc/compute/AcceptResult")
	legacy.RegisterAminoMsg(cdc, &MsgCancelJob{}, "emc/compute/CancelJob")
	legacy.RegisterAminoMsg(cdc, &MsgUpdateParams{}, "emc/compute/UpdateParams")
}

// RegisterInterfaces registers the messages for protobuf Any.
func RegisterInterfaces(registry cdctypes.InterfaceRegistry) {
	registry.RegisterImplementations((*sdk.Msg)(nil),
		&MsgRegisterNode{}, &MsgUpdateNode{}, &MsgRetireNode{}, &MsgStake{}, &MsgUnstake{}, &MsgUnjail{}, &MsgReportStatus{},
		&MsgRegisterApp{}, &MsgUpdateApp{},
		&MsgSubmitJob{}, &MsgAcknowledgeJob{}, &MsgDeclineJob{}, &MsgStartJob{}, &MsgSubmitReceipt{}, &MsgAcceptResult{}, &MsgCancelJob{},
		&MsgUpdateParams{},
	)
	msgservice.RegisterMsgServiceDesc(registry, &_Msg_serviceDesc)
}

// WorkerMessages are the messages that a node's hot key sends: the fee grant
// of its operator is limited to them.
func WorkerMessages() []string {
	return []string{
		sdk.MsgTypeURL(&MsgReportStatus{}),
		sdk.MsgTypeURL(&MsgAcknowledgeJob{}),
		sdk.MsgTypeURL(&MsgDeclineJob{}),
		sdk.MsgTypeURL(&MsgStartJob{}),
		sdk.MsgTypeURL(&MsgSubmitReceipt{}),
	}
}

// RouterMessages are those of this module that a router's hot key sends.
func RouterMessages() []string { return []string{sdk.MsgTypeURL(&MsgReportStatus{})} }
