package soak

import (
	"fmt"
	"regexp"
	"sync"
	"time"
)

// Report is what a whole run came to.
type Report struct {
	Seed      uint64         `json:"seed"`
	Schedules int            `json:"schedules"`
	Lanes     int            `json:"lanes"`
	Kills     map[Who]int    `json:"kills"`
	ByStep    map[string]int `json:"by_step"`
	ByHow     map[How]int    `json:"by_how"`
	// Missed blows never fell: the job did not come to their step.
	Missed int            `json:"missed"`
	Ends   map[string]int `json:"ends"`
	// Reasons of the jobs that were not completed.
	Reasons    map[string]int `json:"reasons"`
	Violations int            `json:"violations"`
	Failed     []Failure      `json:"failed,omitempty"`
	PaidUemc   int64          `json:"paid_uemc"`
	Receipts   int            `json:"receipts"`
	// Wasted transactions failed in a block.
	Wasted int `json:"wasted_transactions"`
	// Audits are how often the whole network's money was counted in between.
	Audits  int     `json:"audits"`
	Height  int64   `json:"height"`
	Seconds float64 `json:"seconds"`

	mu sync.Mutex
}

// Failure is a rule that was broken.
type Failure struct {
	Seed  uint64   `json:"seed,omitempty"`
	Words []string `json:"words"`
}

func newReport(seed uint64, lanes int) *Report {
	return &Report{Seed: seed, Lanes: lanes, Kills: map[Who]int{}, ByStep: map[string]int{}, ByHow: map[How]int{}, Ends: map[string]int{}, Reasons: map[string]int{}}
}

// add takes in one schedule, and returns how many there were so far.
func (r *Report) add(one Result) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.Schedules++
	for who, n := range one.Kills {
		r.Kills[who] += n
	}
	for _, b := range one.Hits {
		r.ByStep[b.Step.String()]++
		r.ByHow[b.How]++
	}
	r.Missed += one.Missed
	r.Ends[one.End]++
	if one.End != "completed" {
		r.Reasons[one.End+": "+kind(one.Reason)]++
	}
	r.PaidUemc += one.Paid
	r.Receipts += one.Receipts
	r.Wasted += one.Wasted
	r.fail(one.Schedule.Seed, one.Wrong...)
	return r.Schedules
}

// wrong notes a rule that was broken outside of a schedule.
func (r *Report) wrong(words ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fail(0, words...)
}

func (r *Report) fail(seed uint64, words ...string) {
	if len(words) > 0 {
		r.Violations++
		r.Failed = append(r.Failed, Failure{seed, words})
	}
}

func (r *Report) audited() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.Audits++
}

// progress is one line for who waits.
func (r *Report) progress(of int, begin time.Time) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	took := time.Since(begin)
	left := time.Duration(float64(took) / float64(r.Schedules) * float64(of-r.Schedules))
	return fmt.Sprintf("%s %d of %d schedules, kills %v, ends %v, violations %d, %s left",
		time.Now().Format(time.TimeOnly), r.Schedules, of, r.Kills, r.Ends, r.Violations, left.Round(time.Second))
}

// kind is a reason without what differs from job to job.
func kind(reason string) string {
	reason = regexp.MustCompile(`emc1[a-z0-9]+`).ReplaceAllString(reason, "NODE")
	return regexp.MustCompile(`\d+`).ReplaceAllString(reason, "N")
}
