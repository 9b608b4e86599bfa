// Package soak plays seeded schedules of kills: a network, workers and their
// customers, as processes, each of them killed, ended or paused at planned steps
// of a job and started again. After every schedule the job must have come to an
// end that the schedule allows, everybody's books must be right to the last
// uemc, and nothing may be left over.
//
// A schedule follows from its seed alone (Plan), so that one that failed can be
// played again by itself; see scripts/soak.sh. What happens between processes is
// not repeatable to the microsecond, and need not be: the rules hold whatever
// the moment.
package soak
