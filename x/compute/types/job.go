package types

import (
	"crypto/sha256"
	"regexp"

	errorsmod "cosmossdk.io/errors"
	sdkmath "cosmossdk.io/math"
)

// MaxReasonBytes bounds a reason in words that a message carries.
const MaxReasonBytes = 256

var jobIDPattern = regexp.MustCompile(`^[0-9a-f]{32}$`)

// ValidateJobID checks the form of a job's id.
func ValidateJobID(id string) error {
	if !jobIDPattern.MatchString(id) {
		return errorsmod.Wrapf(ErrInvalidJob, "a job id has 32 lower-case hex characters, got %.80q", id)
	}
	return nil
}

// Closed reports whether the job's escrow has been paid out.
func (j Job) Closed() bool { return j.Status >= JOB_STATUS_COMPLETED }

// Live reports whether the job holds a slot of its node.
func (j Job) Live() bool {
	return j.Status >= JOB_STATUS_SCHEDULED && j.Status <= JOB_STATUS_RUNNING
}

// Owed is what the job's escrow must hold at least, in uemc.
func (j Job) Owed() sdkmath.Int {
	if j.Closed() {
		return sdkmath.ZeroInt()
	}
	return j.MaxPrice.Amount
}

// Validate checks requirements by themselves.
func (r Requirements) Validate() error {
	switch {
	case r.Gpus > MaxGpus:
		return errorsmod.Wrapf(ErrInvalidJob, "gpus must be at most %d, got %d", MaxGpus, r.Gpus)
	case len(r.GpuModel) > MaxWordsBytes:
		return errorsmod.Wrapf(ErrInvalidJob, "gpu_model is longer than %d bytes", MaxWordsBytes)
	case r.Region != "" && !regionPattern.MatchString(r.Region):
		return errorsmod.Wrapf(ErrInvalidJob, "region must be an ISO 3166 code such as DE or US-CA, got %.16q", r.Region)
	case r.MinIsolation > MaxIsolation:
		return errorsmod.Wrapf(ErrInvalidJob, "min_isolation must be at most %d, got %d", MaxIsolation, r.MinIsolation)
	case !r.MinStake.IsNil() && (r.MinStake.IsNegative() || r.MinStake.GT(sdkmath.NewInt(MaxAmount))):
		return errorsmod.Wrapf(ErrInvalidJob, "min_stake must be between 0 and %d%s, got %s", int64(MaxAmount), Denom, r.MinStake)
	}
	return nil
}

// Validate checks a receipt by itself.
func (r Receipt) Validate() error {
	switch {
	case r.Reason < EXIT_REASON_EXITED || r.Reason > EXIT_REASON_WORKER:
		return errorsmod.Wrapf(ErrInvalidJob, "the receipt's exit reason must be known, got %d", r.Reason)
	case len(r.ResultDigest) != sha256.Size:
		return errorsmod.Wrapf(ErrInvalidJob, "the result digest must have %d bytes, got %d", sha256.Size, len(r.ResultDigest))
	case len(r.LogDigest) != sha256.Size:
		return errorsmod.Wrapf(ErrInvalidJob, "the log digest must have %d bytes, got %d", sha256.Size, len(r.LogDigest))
	}
	return nil
}
