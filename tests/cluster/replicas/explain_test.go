package replicas

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"
)

// explain names, for people, the first operations that do not fit the journal's order: what saw less than was known
// before it was asked, and swaps that were refused although nothing had changed.
func explain(operations []porcupine.Operation, events []told) string {
	var out []string
	before := map[string]told{}
	twice := map[string]uint64{}
	came := map[uint64]told{} // what was replaced by a version
	for _, e := range events {
		if twice[e.content] != 0 {
			out = append(out, fmt.Sprintf("%s was written at %d and again at %d", e.content, twice[e.content], e.version))
		}
		twice[e.content] = e.version
		came[e.version], before[e.name] = before[e.name], e
	}
	for _, o := range operations {
		in, answer := o.Input.(asked), o.Output.(answered)
		if in.verb == swap && answer.version != 0 && came[answer.version].version != in.wantsVersion && came[answer.version].version != 0 {
			out = append(out, fmt.Sprintf("%+v replaced %+v at %d", in, came[answer.version], answer.version))
		}
		if in.verb == swap && answer.conflict {
			next := slices.IndexFunc(events, func(e told) bool { return e.name == in.name && e.version > in.wantsVersion })
			if next >= 0 {
				for _, w := range operations {
					if w.Input.(asked).content == events[next].content && w.Call > o.Return {
						out = append(out, fmt.Sprintf("%+v was refused %v before the write that came next was asked for", in, time.Duration(w.Call-o.Return)))
					}
				}
			}
		}
	}
	for _, o := range operations {
		in, answer := o.Input.(asked), o.Output.(answered)
		if answer.unknown || in.verb == swap && answer.conflict && changed(events, in.name, in.wantsVersion) {
			continue
		}
		if in.verb == swap && answer.conflict {
			out = append(out, fmt.Sprintf("%+v was refused, but %d was never replaced", in, in.wantsVersion))
			continue
		}
		for _, before := range operations {
			known := before.Output.(answered).version
			if before.Return < o.Call && before.Input.(asked).name == in.name && known > answer.version && answer.version != 0 {
				out = append(out, fmt.Sprintf("client %d: %+v saw %d, but client %d had seen %d %v before", o.ClientId, in, answer.version, before.ClientId, known, time.Duration(o.Call-before.Return)))
				break
			}
		}
	}
	return strings.Join(out[:min(len(out), 10)], "\n")
}

func changed(events []told, name string, version uint64) bool {
	return slices.ContainsFunc(events, func(e told) bool { return e.name == name && e.version > version })
}
