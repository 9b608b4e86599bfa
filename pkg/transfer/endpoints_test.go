package transfer

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPublish(t *testing.T) {
	const most = 8
	require.Equal(t, []string{"/ip4/203.0.113.7/tcp/1"}, publish([]string{"/ip4/127.0.0.1/tcp/1", "/ip4/203.0.113.7/tcp/1", "/ip6/::1/tcp/1"}, most))
	require.Equal(t, []string{"/ip4/127.0.0.1/tcp/1", "/ip6/::1/tcp/1"}, publish([]string{"/ip6/::1/tcp/1", "/ip4/127.0.0.1/tcp/1"}, most), "all there is")
	var many []string
	for i := range 20 {
		many = append(many, fmt.Sprintf("/ip4/203.0.113.%d/tcp/1", i))
	}
	require.Len(t, publish(many, most), most)
}
