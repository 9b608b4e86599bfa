package proof

import "fmt"

// Commitment is what a node commits to before anybody knows the sample.
type Commitment struct {
	LogN   uint8  `json:"log2_n"`
	Rounds uint64 `json:"rounds"`
	Root   Digest `json:"root"`
}

// Validate checks the size and the number of rounds.
func (c Commitment) Validate() error {
	if err := validateLogN(c.LogN); err != nil {
		return err
	}
	if c.Rounds == 0 || c.Rounds > MaxRounds {
		return fmt.Errorf("%w: %d, expected 1 to %d", ErrRounds, c.Rounds, MaxRounds)
	}
	return nil
}
