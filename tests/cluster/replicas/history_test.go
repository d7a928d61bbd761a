package replicas

import (
	"sync"
	"time"

	"github.com/anishathalye/porcupine"
)

// verb is what a client asked of a register, which is a config map's content.
type verb int

const (
	read verb = iota
	write
	swap // if the content is still what the client read
)

// asked and answered are an operation on one register.
type asked struct {
	verb         verb
	name         string
	content      string // to write
	expect       string // of a swap
	wantsVersion uint64 // of a swap: expect's
}

type answered struct {
	content  string // read
	version  uint64 // read, or of what was written
	conflict bool   // a swap came too late
	unknown  bool   // the answer was lost
}

// listing is a list of all registers: as of one version, no older than what was known before it.
type listing struct {
	version, known uint64
	items          map[string]answered
}

// history is what the clients saw, on one clock.
type history struct {
	begun time.Time

	mu         sync.Mutex
	operations []porcupine.Operation
	listings   []listing
	known      uint64 // the newest version that any client was told of
}

func (h *history) now() int64 { return time.Since(h.begun).Nanoseconds() }

func (h *history) add(client int, in asked, out answered, call, back int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.operations = append(h.operations, porcupine.Operation{ClientId: client, Input: in, Output: out, Call: call, Return: back})
	h.known = max(h.known, out.version)
}

func (h *history) list(l listing) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.listings = append(h.listings, l)
	h.known = max(h.known, l.version)
}

func (h *history) newest() uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.known
}

// register is the model of one config map: reads see the last write, and a swap succeeds exactly when
// the content is what it expects.
var register = porcupine.Model{
	Partition: func(history []porcupine.Operation) [][]porcupine.Operation {
		by := map[string][]porcupine.Operation{}
		for _, o := range history {
			name := o.Input.(asked).name
			by[name] = append(by[name], o)
		}
		var all [][]porcupine.Operation
		for _, one := range by {
			all = append(all, one)
		}
		return all
	},
	Init: func() any { return "" },
	Step: func(state, input, output any) (bool, any) {
		is, in, out := state.(string), input.(asked), output.(answered)
		switch in.verb {
		case write:
			return true, in.content
		case swap:
			if out.conflict {
				return is != in.expect, is
			}
			return is == in.expect, in.content
		}
		return is == out.content, is
	},
}

// settled is the history without doubt: of writes whose answer was lost, those that were carried out, by the word
// of the journal, may have been so at any time since they were asked for.
func settled(operations []porcupine.Operation, written map[string]uint64, end int64) []porcupine.Operation {
	var out []porcupine.Operation
	for _, o := range operations {
		if o.Output.(answered).unknown {
			if _, done := written[o.Input.(asked).content]; !done {
				continue
			}
			o.Output, o.Return = answered{}, end
		}
		out = append(out, o)
	}
	return out
}
