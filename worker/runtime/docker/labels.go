package docker

import (
	"crypto/rand"
	"encoding/hex"
	"strconv"
	"time"

	"github.com/moby/moby/client"
)

// Labels tell what is ours. The owner's is the one that decides whether
// something may be removed.
const (
	labelOwner   = "network.edgematrix.emc.owner"
	labelTask    = "network.edgematrix.emc.task"
	labelCreated = "network.edgematrix.emc.created" // Unix seconds
	labelRole    = "network.edgematrix.emc.role"
	labelRun     = "network.edgematrix.emc.run"
)

// Roles of what a run makes.
const (
	roleJob    = "job"
	roleHolder = "holder"
	roleOut    = "out"
)

// runID names one attempt at a task: everything it makes carries it, in a label
// and in its name, so that it can be removed even when the reply to its
// creation was lost.
type runID string

func newRunID() runID {
	b := make([]byte, 8)
	_, _ = rand.Read(b) // it never fails
	return runID(hex.EncodeToString(b))
}

func (id runID) job() string    { return "emc-" + string(id) + "-job" }
func (id runID) holder() string { return "emc-" + string(id) + "-holder" }
func (id runID) volume() string { return "emc-" + string(id) + "-out" }

func (r *Runtime) labels(id runID, task, role string) map[string]string {
	return map[string]string{
		labelOwner:   r.config.Owner,
		labelTask:    task,
		labelCreated: strconv.FormatInt(r.now().Unix(), 10),
		labelRole:    role,
		labelRun:     string(id),
	}
}

func ownFilter(owner string) client.Filters {
	return make(client.Filters).Add("label", labelOwner+"="+owner)
}

// createdAt reads labelCreated. The zero time, for a label that is not there,
// is long ago.
func createdAt(labels map[string]string) time.Time {
	seconds, err := strconv.ParseInt(labels[labelCreated], 10, 64)
	if err != nil {
		return time.Time{}
	}
	return time.Unix(seconds, 0)
}
