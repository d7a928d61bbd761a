package replicas

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"
)

// explain names, for people, operations that do not fit the journal's order.
func explain(operations []porcupine.Operation, events []told) string {
	out := misfits(events, operations)
	for _, o := range operations {
		for _, before := range operations {
			in, known := o.Input.(asked), before.Output.(answered).version
			answer := o.Output.(answered)
			if answer.version != 0 && before.Return < o.Call && before.Input.(asked).name == in.name && known > answer.version {
				out = append(out, fmt.Sprintf("client %d: %+v saw %d, but client %d had seen %d %v before", o.ClientId, in, answer.version, before.ClientId, known, time.Duration(o.Call-before.Return)))
				break
			}
		}
	}
	return strings.Join(out[:min(len(out), 10)], "\n")
}

// misfits are writes that came twice, and swaps that replaced what they did not expect or were refused
// before anything had changed.
func misfits(events []told, operations []porcupine.Operation) (out []string) {
	newest, at := map[string]told{}, map[string]uint64{}
	replaced := map[uint64]told{} // by a version
	for _, e := range events {
		if at[e.content] != 0 {
			out = append(out, fmt.Sprintf("%s was written at %d and again at %d", e.content, at[e.content], e.version))
		}
		at[e.content] = e.version
		replaced[e.version], newest[e.name] = newest[e.name], e
	}
	calls := map[string]int64{}
	for _, o := range operations {
		calls[o.Input.(asked).content] = o.Call
	}
	for _, o := range operations {
		in, answer := o.Input.(asked), o.Output.(answered)
		if in.verb != swap {
			continue
		}
		if was := replaced[answer.version]; was.version != 0 && was.version != in.wantsVersion {
			out = append(out, fmt.Sprintf("%+v replaced %+v at %d", in, was, answer.version))
		}
		next := slices.IndexFunc(events, func(e told) bool { return e.name == in.name && e.version > in.wantsVersion })
		if answer.conflict && (next < 0 || calls[events[next].content] > o.Return) {
			out = append(out, fmt.Sprintf("%+v was refused before anything replaced it", in))
		}
	}
	return out
}
