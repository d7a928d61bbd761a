package audit

import (
	"time"

	eventv1 "taffrail.dev/proto/gen/event/v1"
)

const (
	// perMinute bounds the refusals that are kept of one actor about one sort of write by one plugin, webhook or policy:
	// a controller that tries for ever must not fill a stream that is never purged.
	perMinute = 60
	// maxActors bounds those that are told apart; the rest count as one.
	maxActors = 4096
)

// minute counts the refusals of the minute under way.
type minute struct {
	number int64
	kept   map[repeated]int
}

// repeated is what makes a refusal one more of its sort.
type repeated struct {
	user, verb, group, resource, subresource, namespace, plugin, name string
}

// take says whether a refusal is to be kept.
func (m *minute) take(e *eventv1.Event) bool {
	if n := e.GetTime() / int64(time.Minute); n != m.number || m.kept == nil {
		m.number, m.kept = n, map[repeated]int{}
	}
	o := e.GetObject()
	key := repeated{
		user: e.GetActor().GetUser(), verb: e.GetVerb(), group: o.GetGroup(), resource: o.GetResource(),
		subresource: e.GetSubresource(), namespace: o.GetNamespace(),
	}
	for _, s := range e.GetAdmission().GetSteps() {
		if s.GetRefused() {
			key.plugin, key.name = s.GetPlugin(), s.GetName()
			break
		}
	}
	if _, known := m.kept[key]; !known && len(m.kept) >= maxActors {
		key = repeated{}
	}
	if m.kept[key] == perMinute {
		return false
	}
	m.kept[key]++
	return true
}
