package wasm

import "os"

// pipes makes several pipes and remembers the first error.
type pipes struct {
	parent, child []*os.File
	err           error
}

func (p *pipes) toChild() (childEnd, parentEnd *os.File) {
	r, w := p.make()
	p.child, p.parent = append(p.child, r), append(p.parent, w)
	return r, w
}

func (p *pipes) fromChild() (parentEnd, childEnd *os.File) {
	r, w := p.make()
	p.child, p.parent = append(p.child, w), append(p.parent, r)
	return r, w
}

func (p *pipes) make() (r, w *os.File) {
	if p.err != nil {
		return nil, nil
	}
	r, w, p.err = os.Pipe()
	return r, w
}

func (p *pipes) closeChildEnds()  { closeAll(p.child) }
func (p *pipes) closeParentEnds() { closeAll(p.parent) }

func closeAll(files []*os.File) {
	for _, f := range files {
		if f != nil {
			f.Close()
		}
	}
}
