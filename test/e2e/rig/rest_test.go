package rig

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
)

// A node between two blocks is asked again; what is not there is told at once.
func TestGetAsksAgain(t *testing.T) {
	for name, row := range map[string]struct {
		answers []int
		asked   int
		err     error
	}{
		"success - at once":                 {[]int{200}, 1, nil},
		"success - after a commit":          {[]int{500, 503, 200}, 3, nil},
		"error - there is no such thing":    {[]int{404, 200}, 1, ErrNotFound},
		"error - not there, after a commit": {[]int{500, 404, 200}, 2, ErrNotFound},
		"error - a question without sense":  {[]int{400, 200}, 1, ErrNoAnswer},
	} {
		t.Run(name, func(t *testing.T) {
			asked := 0
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Grpc-Metadata-X-Cosmos-Block-Height", r.Header.Get("x-cosmos-block-height"))
				w.WriteHeader(row.answers[asked])
				asked++
				fmt.Fprint(w, `{"value": "5"}`)
			}))
			defer server.Close()
			n := &Network{Info: Info{REST: server.URL}}
			var answer struct {
				Value Int `json:"value"`
			}
			at, err := n.Get(t.Context(), "/x", 7, &answer)
			require.Equal(t, row.asked, asked)
			if row.err != nil {
				require.ErrorIs(t, err, row.err)
				return
			}
			require.NoError(t, err)
			require.EqualValues(t, 7, at)
			require.EqualValues(t, 5, answer.Value)
		})
	}
}
