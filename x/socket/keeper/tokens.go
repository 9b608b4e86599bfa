package keeper

import (
	"context"

	codectypes "github.com/cosmos/cosmos-sdk/codec/types"
	"github.com/cosmos/cosmos-sdk/contrib/x/nft"
	nftkeeper "github.com/cosmos/cosmos-sdk/contrib/x/nft/keeper"
	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/x/socket/types"
)

// Tokens is x/nft as x/socket sees it. Upstream no longer develops x/nft: whatever
// replaces it one day stands behind the same four methods.
type Tokens struct{ nftkeeper.Keeper }

var _ types.NFTKeeper = Tokens{}

// Mint implements types.NFTKeeper. Each minter has a class of his own: x/nft
// counts a class's supply, and one class would be written by every minting.
func (t Tokens) Mint(ctx context.Context, token types.Token, owner sdk.AccAddress) error {
	if !t.HasClass(ctx, token.Class) {
		class := nft.Class{Id: token.Class, Name: "EMC compute sockets", Symbol: "SOCKET", Description: "Computing power provided by " + token.Minter}
		if err := t.SaveClass(ctx, class); err != nil {
			return err
		}
	}
	data, err := codectypes.NewAnyWithValue(token.Metadata)
	if err != nil {
		return err
	}
	return t.Keeper.Mint(ctx, nft.NFT{ClassId: token.Class, Id: token.ID, Uri: token.Metadata.Image, Data: data}, owner)
}

// Owner implements types.NFTKeeper.
func (t Tokens) Owner(ctx context.Context, class, id string) sdk.AccAddress {
	return t.GetOwner(ctx, class, id)
}
