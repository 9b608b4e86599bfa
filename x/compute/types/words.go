package types

import "strings"

// StatusWord is a job's status as a person reads it: "running".
func StatusWord(s JobStatus) string {
	return strings.ToLower(strings.TrimPrefix(s.String(), "JOB_STATUS_"))
}

// ReasonWord is an exit reason as a person reads it: "deadline".
func ReasonWord(r ExitReason) string {
	return strings.ToLower(strings.TrimPrefix(r.String(), "EXIT_REASON_"))
}
