package rig

import (
	"context"
	"strings"
)

// Socket is a compute socket as the chain has it.
type Socket struct {
	ID       string `json:"id"`
	Status   string `json:"status"`
	Slots    Int    `json:"slots"`
	Deadline Int    `json:"deadline"`
}

// Promises says whether its slots are still promised: from its expiry on they are not, though it may wait for its session.
func (s Socket) Promises() bool {
	return !strings.HasSuffix(s.Status, "_SETTLED") && s.Deadline != 0
}

// NodeSockets lists a node's sockets at a height.
func (n *Network) NodeSockets(ctx context.Context, node string, height int64) ([]Socket, error) {
	views, err := all[struct {
		Socket Socket `json:"socket"`
	}](ctx, n, "/emc/socket/v1/nodes/"+node+"/sockets", "sockets", height)
	var out []Socket
	for _, v := range views {
		out = append(out, v.Socket)
	}
	return out, err
}

// promised are the slots of live sockets, and of live jobs that have theirs out of no live socket.
func promised(jobs []Job, sockets []Socket) (slots Int) {
	live := map[string]bool{}
	for _, s := range sockets {
		if s.Promises() {
			live["socket/"+s.ID] = true
			slots += s.Slots
		}
	}
	for _, j := range jobs {
		if j.Live() && !live[j.Source] {
			slots++
		}
	}
	return slots
}
