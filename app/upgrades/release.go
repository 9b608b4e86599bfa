//go:build !emc_rehearsal

package upgrades

// rehearsal is empty in a release.
func rehearsal(Context) []Upgrade { return nil }
