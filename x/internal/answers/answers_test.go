package answers_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"cosmossdk.io/collections"
	errorsmod "cosmossdk.io/errors"

	"github.com/cosmos/cosmos-sdk/runtime"
	storetypes "github.com/cosmos/cosmos-sdk/store/v2/types"
	"github.com/cosmos/cosmos-sdk/testutil"
	sdk "github.com/cosmos/cosmos-sdk/types"
	"github.com/cosmos/cosmos-sdk/types/query"

	"github.com/edgematrix/emc/x/internal/answers"
)

func TestPage(t *testing.T) {
	for _, tc := range []struct {
		name  string
		asked *query.PageRequest
		want  *query.PageRequest
	}{
		{"success - nothing asked", nil, &query.PageRequest{Limit: query.DefaultLimit}},
		{"success - no limit", &query.PageRequest{Key: []byte{1}, Reverse: true}, &query.PageRequest{Key: []byte{1}, Reverse: true, Limit: query.DefaultLimit}},
		{"success - a small page", &query.PageRequest{Limit: 3, Offset: answers.MaxPage}, &query.PageRequest{Limit: 3, Offset: answers.MaxPage}},
		{"success - capped", &query.PageRequest{Limit: ^uint64(0)}, &query.PageRequest{Limit: answers.MaxPage}},
		{"error - far off", &query.PageRequest{Offset: answers.MaxPage + 1}, nil},
		{"error - a total", &query.PageRequest{CountTotal: true}, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var before query.PageRequest
			if tc.asked != nil {
				before = *tc.asked
			}
			page, err := answers.Page(tc.asked)
			require.Equal(t, tc.want, page)
			if tc.want == nil {
				require.Equal(t, codes.InvalidArgument, status.Code(err))
			} else {
				require.NoError(t, err)
			}
			if tc.asked != nil {
				require.Equal(t, before, *tc.asked, "the request stays as it was")
			}
		})
	}
}

func TestAddress(t *testing.T) {
	who := sdk.AccAddress("twenty bytes of name")
	addr, err := answers.Address("node", who.String())
	require.NoError(t, err)
	require.Equal(t, who, addr)
	for _, bad := range []string{"", "nobody", strings.Repeat("x", 10_000)} {
		_, err := answers.Address("node", bad)
		require.Equal(t, codes.InvalidArgument, status.Code(err))
		require.ErrorContains(t, err, "node")
		require.Less(t, len(err.Error()), 300)
	}
}

func TestError(t *testing.T) {
	gone := errorsmod.Register("answers", 2, "gone")
	wrong := errorsmod.Register("answers", 3, "wrong")
	other := errors.New("other")
	ask := func(err error) error { return answers.Error(err, []error{gone}, []error{wrong}) }
	require.NoError(t, ask(nil))
	require.Equal(t, codes.NotFound, status.Code(ask(errorsmod.Wrap(gone, "in words"))))
	require.ErrorContains(t, ask(errorsmod.Wrap(gone, "in words")), "in words")
	require.Equal(t, codes.NotFound, status.Code(ask(errorsmod.Wrap(collections.ErrNotFound, "a record"))))
	require.Equal(t, codes.InvalidArgument, status.Code(ask(errorsmod.Wrap(wrong, "in words"))))
	require.Equal(t, other, ask(other))
	require.Equal(t, wrong, answers.Error(wrong, nil, nil))
}

func TestAll(t *testing.T) {
	key := storetypes.NewKVStoreKey("test")
	ctx := testutil.DefaultContextWithKeys(map[string]*storetypes.KVStoreKey{"test": key}, nil, nil)
	m := collections.NewMap(collections.NewSchemaBuilder(runtime.NewKVStoreService(key)), collections.NewPrefix(0), "m", collections.Uint64Key, collections.StringValue)
	none, err := answers.All(ctx, m)
	require.NoError(t, err)
	require.Empty(t, none)
	for _, k := range []uint64{300, 2, 1} {
		require.NoError(t, m.Set(ctx, k, strings.Repeat("v", int(k))))
	}
	all, err := answers.All(ctx, m)
	require.NoError(t, err)
	require.Equal(t, []string{"v", "vv", strings.Repeat("v", 300)}, all)
}
