package endpoints

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"

	"taffrail.dev/events/command"
	"taffrail.dev/events/process"
	"taffrail.dev/events/subject"
	commandv1 "taffrail.dev/proto/gen/command/v1"
)

// decide is one turn of one Service.
func (s *state) decide(t process.Turn) process.Plan {
	svc := s.services.Get(t.Key.Namespace, t.Key.Name)
	published := s.legacy.Get(t.Key.Namespace, t.Key.Name)
	ours := s.slicesOf(t.Key, sliceManager)
	mirrored := s.slicesOf(t.Key, mirrorManager)
	switch {
	case svc == nil || svc.DeletionTimestamp != nil:
		// The slices have an owner reference; the legacy Endpoints has none.
		if svc == nil && published != nil && published.DeletionTimestamp == nil && published.Labels[legacyManagedBy] == legacyManager {
			return process.Plan{Commands: []*commandv1.Command{command.Delete(legacyKey(t.Key), string(published.UID), "its service is gone")}}
		}
		return process.Plan{}
	case svc.Spec.Type == corev1.ServiceTypeExternalName:
		return process.Plan{}
	case len(svc.Spec.Selector) == 0:
		commands := writes(pack(ours, groups{}, template(svc), nil))
		return process.Plan{Commands: append(commands, mirror(svc, published, mirrored)...)}
	}
	commands := writes(pack(ours, s.wanted(svc), template(svc), families(svc)))
	commands = append(commands, writes(pack(mirrored, groups{}, template(svc), nil))...)
	if c := publish(svc, published, s.subsets(svc)); c != nil {
		commands = append(commands, c)
	}
	return process.Plan{Commands: commands}
}

func sliceKey(s *discoveryv1.EndpointSlice) subject.Object {
	return subject.Object{Resource: subject.EndpointSlices, Namespace: s.Namespace, Name: s.Name}
}

// writes are the commands of a packing.
func writes(p packing) []*commandv1.Command {
	var out []*commandv1.Command
	for _, s := range p.update {
		out = append(out, command.Update(sliceKey(s), "", s, holds(s)))
	}
	for _, s := range p.create {
		out = append(out, command.Create(sliceKey(s), s, holds(s)))
	}
	for _, s := range p.remove {
		out = append(out, command.Delete(sliceKey(s), string(s.UID), "no endpoints are left for it"))
	}
	return out
}

func holds(s *discoveryv1.EndpointSlice) string {
	ready := 0
	for i := range s.Endpoints {
		if r := s.Endpoints[i].Conditions.Ready; r == nil || *r {
			ready++
		}
	}
	return fmt.Sprintf("%d endpoints, %d ready", len(s.Endpoints), ready)
}
