package protection

import (
	"slices"

	corev1 "k8s.io/api/core/v1"

	"taffrail.dev/events/fold"
	"taffrail.dev/events/subject"
	"taffrail.dev/services/brief"
)

// What the service writes.
var (
	claims  = subject.Resource{Name: "persistentvolumeclaims"}
	volumes = subject.Resource{Name: "persistentvolumes"}
)

// state is the claims, the volumes, and who uses which claim.
type state struct {
	claims  *fold.Store[corev1.PersistentVolumeClaim, *corev1.PersistentVolumeClaim]
	volumes *fold.Store[corev1.PersistentVolume, *corev1.PersistentVolume]
	// uses are the claims of each pod that uses some, users the reverse.
	uses  map[subject.Object][]subject.Object
	users map[subject.Object]int
}

func newState() *state {
	return &state{
		claims:  fold.NewStore[corev1.PersistentVolumeClaim](claims),
		volumes: fold.NewStore[corev1.PersistentVolume](volumes),
		uses:    map[subject.Object][]subject.Object{},
		users:   map[subject.Object]int{},
	}
}

// Apply folds an event; a claim and a volume wake themselves, a pod the claims that it has begun or ceased to use.
func (s *state) Apply(e *fold.Event) []subject.Object {
	key := e.Key()
	var err error
	switch key.Resource {
	case claims:
		_, _, err = s.claims.Apply(e)
	case volumes:
		_, _, err = s.volumes.Apply(e)
	case subject.Pods:
		return s.applyPod(key, e)
	}
	if err != nil {
		return nil
	}
	return []subject.Object{key}
}

func (s *state) applyPod(key subject.Object, e *fold.Event) []subject.Object {
	var used []subject.Object
	if !e.Gone() {
		pod, err := fold.Decode[brief.Pod](e)
		if err != nil {
			return nil
		}
		used = usedBy(pod)
	}
	before := s.uses[key]
	if slices.Equal(before, used) {
		return nil
	}
	for _, c := range used {
		s.users[c]++
	}
	for _, c := range before {
		if s.users[c]--; s.users[c] == 0 {
			delete(s.users, c)
		}
	}
	if s.uses[key] = used; len(used) == 0 {
		delete(s.uses, key)
	}
	return append(slices.Clone(before), used...)
}

// usedBy is the claims that a pod uses.
func usedBy(p *brief.Pod) (used []subject.Object) {
	if p.Node() == "" || p.Finished() {
		return nil
	}
	for _, name := range p.Claims {
		used = append(used, subject.Object{Resource: claims, Namespace: p.GetNamespace(), Name: name})
	}
	return used
}
