package command

import (
	"strings"
	"sync"

	commandv1 "taffrail.dev/proto/gen/command/v1"
)

// remembered bounds the answers kept for repeats. What is forgotten is still harmless: the
// journal refuses the event of a repeated command.
const remembered = 4096

// repeats has the latest answers by command.
type repeats struct {
	mu      sync.Mutex // guards all below
	answers map[string]*commandv1.Result
	order   []string
	next    int
}

func repeatKey(actor []string, id string) string { return strings.Join(actor, "/") + "/" + id }

func (r *repeats) get(actor []string, id string) *commandv1.Result {
	if id == "" {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.answers[repeatKey(actor, id)]
}

func (r *repeats) put(actor []string, id string, answer *commandv1.Result) {
	if id == "" {
		return
	}
	key := repeatKey(actor, id)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.answers == nil {
		r.answers = map[string]*commandv1.Result{}
	}
	if _, known := r.answers[key]; known {
		return
	}
	if len(r.order) < remembered {
		r.order = append(r.order, key)
	} else {
		delete(r.answers, r.order[r.next])
		r.order[r.next] = key
		r.next = (r.next + 1) % remembered
	}
	r.answers[key] = answer
}
