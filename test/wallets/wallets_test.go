package wallets

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// One network and one wallet serve all of these.
func TestWallets(t *testing.T) {
	s := newSite(t)
	all, err := messages(s.app.InterfaceRegistry())
	require.NoError(t, err)
	byModule := map[string][]protoreflect.MessageDescriptor{}
	for _, m := range all {
		byModule[moduleOf(m.FullName())] = append(byModule[moduleOf(m.FullName())], m)
	}

	t.Run("a web page may ask", s.testCORS)
	t.Run("a wrong signature is refused", s.testWrongSignature)
	t.Run("together", func(t *testing.T) {
		for _, mode := range modes { // what takes longest begins first
			t.Run("proofs/"+mode, func(t *testing.T) { t.Parallel(); s.testProofs(t, mode) })
			t.Run("jobs/"+mode, func(t *testing.T) { t.Parallel(); s.testJobs(t, mode) })
			t.Run("sessions/"+mode, func(t *testing.T) { t.Parallel(); s.testSessions(t, mode) })
			t.Run("beacon key/"+mode, func(t *testing.T) { t.Parallel(); s.testBeaconKey(t, mode) })
		}
		for _, m := range all {
			for _, mode := range modes {
				if m.Name() == updateParams {
					s.testProposals(t, mode, m)
				}
				s.testValues(t, mode, m)
			}
		}
		t.Run("the documentation's example", func(t *testing.T) { t.Parallel(); s.testExample(t) })
	})
	t.Run("every module took something", func(t *testing.T) {
		for module, list := range byModule {
			for _, mode := range modes {
				var never []protoreflect.Name
				for _, m := range list {
					if s.good[mode][string(m.FullName())] == 0 {
						never = append(never, m.Name())
					}
				}
				t.Logf("x/%s, %s: %d of %d messages succeeded; never: %v", module, mode, len(list)-len(never), len(list), never)
				require.Less(t, len(never), len(list), "no message of x/%s succeeded in %s mode: play one, as jobs_test.go and sessions_test.go do", module, mode)
			}
		}
	})
}

// testValues sends a message empty and filled. The module may take it or refuse
// it; that the chain reads it and finds the signature right is what is asked.
func (s *site) testValues(t *testing.T, mode string, m protoreflect.MessageDescriptor) {
	for _, kind := range kinds {
		if kind == empty && !nests(m) {
			continue
		}
		t.Run(fmt.Sprintf("%s/%s/%s", m.FullName(), mode, kind), func(t *testing.T) {
			t.Parallel()
			k := s.borrow(t)
			value, err := values(m, kind, k)
			require.NoError(t, err)
			o := s.send(t, k, mode, "/"+string(m.FullName()), value)
			t.Logf("%s: %s", value, o)
			if o.Code != 0 {
				require.True(t, refusedByModule(m, o), "it is not the module that refuses: %s", o)
				require.NotEmpty(t, o.Simulated.Refused, "the simulation takes what the chain refuses: %s", o)
			}
		})
	}
}

// refusedByModule: the handler has read the message and says no. Parameters may be
// refused in governance's words.
func refusedByModule(m protoreflect.MessageDescriptor, o outcome) bool {
	return o.Codespace == moduleOf(m.FullName()) || m.Name() == updateParams && o.Codespace == "gov"
}

// A signature for another chain is seen, in both modes: what is accepted above is
// not accepted blindly.
func (s *site) testWrongSignature(t *testing.T) {
	for _, mode := range modes {
		for _, via := range []string{rpc, rest} {
			k := s.borrow(t)
			o, err := s.wallet.send(t.Context(), k, request{
				Mode: mode, Via: via, TypeURL: "/emc.poc.v1.MsgClaimRewards", Value: fmt.Appendf(nil, `{"operator":%q}`, k.address.String()), ChainID: "emc-1",
			})
			require.NoError(t, err)
			require.Equal(t, "check sdk 4", fmt.Sprintf("%s %s %d", o.Stage, o.Codespace, o.Code), "%s, %s: %s", mode, via, o)
			require.Contains(t, o.Log, "signature verification failed")
		}
	}
}
