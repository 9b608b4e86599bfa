package job

import "fmt"

// IDLen is the length of a job id in characters: 16 bytes in hex.
const IDLen = 32

// CheckID refuses everything but 32 lower-case hex characters. Ids name directories on a worker's disk, so every id that
// came over the network must pass here first.
func CheckID(id string) error {
	if len(id) != IDLen || !isLowerHex(id) {
		return fmt.Errorf("job id %q: expected %d lower-case hex characters", clip(id), IDLen)
	}
	return nil
}

func isLowerHex(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// clip keeps a hostile string from filling an error message.
func clip(s string) string {
	const most = 80
	if len(s) <= most {
		return s
	}
	return s[:most] + "…"
}
