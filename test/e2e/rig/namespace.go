package rig

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// Namespace is a network namespace with one address that this machine reaches
// and nobody else.
type Namespace struct {
	// Address is the one inside.
	Address string

	name string
}

// ErrNoNamespace means that this machine cannot make one.
var ErrNoNamespace = errors.New("a network namespace takes root and the program ip (iproute2)")

// NewNamespace makes a namespace. The number tells it from others, 0 to 16383.
func NewNamespace(ctx context.Context, number int) (*Namespace, error) {
	if _, err := exec.LookPath("ip"); err != nil || os.Geteuid() != 0 {
		return nil, ErrNoNamespace
	}
	net := fmt.Sprintf("10.213.%d.%%d", number/64%256)
	low := number % 64 * 4
	n := &Namespace{Address: fmt.Sprintf(net, low+2), name: fmt.Sprintf("emc%d", number)}
	outer, inner := n.name+"o", n.name+"i"
	for _, line := range []string{
		"netns add " + n.name,
		"link add " + outer + " type veth peer name " + inner + " netns " + n.name,
		"addr add " + fmt.Sprintf(net, low+1) + "/30 dev " + outer,
		"link set " + outer + " up",
		"-n " + n.name + " addr add " + n.Address + "/30 dev " + inner,
		"-n " + n.name + " link set " + inner + " up",
	} {
		if _, err := Command(ctx, "", nil, "ip", strings.Fields(line)...); err != nil {
			return nil, errors.Join(err, n.Close())
		}
	}
	return n, nil
}

// Launch starts a program inside.
func (n *Namespace) Launch(log, name string, args ...string) (*Process, error) {
	return Launch(log, nil, "", "ip", append([]string{"netns", "exec", n.name, name}, args...)...)
}

// Close removes the namespace and the way to it.
func (n *Namespace) Close() error {
	_, err := Command(context.Background(), "", nil, "ip", "netns", "del", n.name)
	return err
}
