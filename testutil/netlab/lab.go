package netlab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"sync"
	"sync/atomic"
)

// Lab is an internet. Its methods may be called by several goroutines at once.
type Lab struct {
	ctx    context.Context // of New: what hosts and lines are changed under
	prefix string
	core   space

	mu     sync.Mutex
	closed bool
	hosts  []*Host // each with a line of its own
	// groups are the parts into which the internet has fallen.
	groups [][]*Host
}

// labs numbers those of this process.
var labs atomic.Int64

var nameRule = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,31}$`)

// New makes an internet without hosts. The name is for whoever looks at the list of
// namespaces. Close has to be called; what a killed process leaves is removed by
// the next New of any process. When ctx ends, what changes the lab fails.
func New(ctx context.Context, name string) (*Lab, error) {
	if err := check(); err != nil {
		return nil, err
	}
	if !nameRule.MatchString(name) {
		return nil, errName(name)
	}
	me, err := owner(os.Getpid())
	if err != nil {
		return nil, err
	}
	sweep(ctx)
	l := &Lab{ctx: ctx, prefix: fmt.Sprintf("%s%s-%d-%s-", namePrefix, me, labs.Add(1), name)}
	if l.core, err = newSpace(ctx, l.prefix+"internet"); err == nil {
		err = l.core.probe(ctx)
	}
	if err == nil {
		err = l.core.forwards()
	}
	if err == nil {
		// What is sent to nobody vanishes: an answer by ICMP would make a line that is
		// down look other than it does.
		err = l.core.ip(ctx, "route add blackhole default")
	}
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

func errName(name string) error {
	return fmt.Errorf("%q is no name for a namespace: lower-case letters, digits and hyphens, at most 32", name)
}

// Host adds a host with a public address.
func (l *Lab) Host(name string) (*Host, error) {
	h, err := l.add(name, name)
	if err != nil {
		return nil, err
	}
	h.Address = h.public
	return h, nil
}

// add makes a host's namespace, unless the one at the end of the line is another
// (a home's router), and the line.
func (l *Lab) add(name, atLine string) (*Host, error) {
	if !nameRule.MatchString(name) {
		return nil, errName(name)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil, errors.New("the lab is closed")
	}
	number := len(l.hosts) + 1
	if number >= 1<<16 {
		return nil, errors.New("a lab has 65535 addresses")
	}
	for _, other := range l.hosts {
		if other.Name == name {
			return nil, fmt.Errorf("there is a host %q in this lab already", name)
		}
	}
	end, err := newSpace(l.ctx, l.prefix+atLine)
	if err != nil {
		return nil, err
	}
	h := &Host{Name: name, lab: l, space: end}
	if h.link, err = newLink(l, number, end); err != nil {
		return nil, errors.Join(err, end.remove(context.WithoutCancel(l.ctx)))
	}
	h.public = h.link.public
	h.spaces = []space{end}
	l.hosts = append(l.hosts, h)
	return h, nil
}

// Close ends everything that runs in the lab and removes it.
func (l *Lab) Close() error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(l.ctx), closeTimeout)
	defer cancel()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil
	}
	l.closed = true
	var errs []error
	for _, h := range l.hosts {
		errs = append(errs, h.link.close(ctx))
		for _, s := range h.spaces {
			errs = append(errs, s.remove(ctx))
		}
	}
	return errors.Join(append(errs, l.core.remove(ctx))...)
}
