package garbage

import (
	"cmp"
	"slices"
	"strings"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"taffrail.dev/events/fold"
	"taffrail.dev/events/subject"
	"taffrail.dev/services/metadata"
)

// state is the graph of ownership of all objects.
//
// Invariants: objects and byUID hold the same nodes (those with a uid). A node is in
// dependents[uid] iff one of its owners has that uid.
type state struct {
	objects    map[subject.Object]*node
	byUID      map[string]*node
	dependents map[string]map[*node]struct{}
	// reads are the resources whose objects are all known; kinds is how owner references call them.
	reads map[subject.Resource]bool
	kinds map[schema.GroupKind]subject.Resource
}

// node is one object.
type node struct {
	key        subject.Object
	uid, kind  string
	sequence   uint64
	changed    time.Time
	owners     []metadata.Owner
	finalizers []string
	deleting   bool
}

func newState(reads []subject.Resource) *state {
	s := &state{
		objects: map[subject.Object]*node{}, byUID: map[string]*node{}, dependents: map[string]map[*node]struct{}{},
		reads: map[subject.Resource]bool{}, kinds: map[schema.GroupKind]subject.Resource{},
	}
	for _, r := range reads {
		s.reads[r] = true
	}
	return s
}

// definitions are the objects that define kinds.
var definitions = subject.Resource{Group: apiextensionsv1.GroupName, Name: "customresourcedefinitions"}

// define learns that all objects of a kind are known, as those of built-in kinds are. It stays known: what its
// objects owned is still decided on after its definition is gone.
func (s *state) define(e *fold.Event) {
	d, err := fold.Decode[apiextensionsv1.CustomResourceDefinition](e)
	if err != nil {
		return
	}
	r := subject.Resource{Group: d.Spec.Group, Name: d.Spec.Names.Plural}
	s.reads[r] = true
	s.kinds[schema.GroupKind{Group: r.Group, Kind: d.Spec.Names.Kind}] = r
}

// foreground and orphaning say how the object's deletion treats its dependents.
func (n *node) foreground() bool {
	return n.deleting && slices.Contains(n.finalizers, metav1.FinalizerDeleteDependents)
}

func (n *node) orphaning() bool {
	return n.deleting && slices.Contains(n.finalizers, metav1.FinalizerOrphanDependents)
}

// Apply folds an event. A change of what an object is owned by, or of its deletion, wakes it; the end of an
// owner, or its foreground deletion, wakes the dependents; a change of a dependent wakes owners that
// are being deleted.
func (s *state) Apply(e *fold.Event) []subject.Object {
	key := e.Key()
	before := s.objects[key]
	if before != nil && before.sequence >= e.Sequence {
		return nil
	}
	var after *node
	if key.Resource == definitions {
		s.define(e)
	}
	if !e.Gone() {
		m, err := metadata.Decode(e.GetEncoding(), e.GetState())
		if err != nil || m.UID == "" {
			return nil
		}
		after = &node{
			key: key, uid: m.UID, kind: e.GetObject().GetKind(), sequence: e.Sequence, changed: time.Unix(0, e.GetTime()),
			owners: m.Owners, finalizers: m.Finalizers, deleting: m.Deleting(),
		}
		s.kinds[schema.GroupKind{Group: key.Group, Kind: after.kind}] = key.Resource
	}
	if before != nil && after != nil && before.uid == after.uid && alike(before, after) {
		*before = *after
		return nil
	}
	woken := &wakes{}
	s.remove(before, after, woken)
	s.add(before, after, woken)
	return woken.keys
}

func alike(a, b *node) bool {
	return a.deleting == b.deleting && slices.Equal(a.owners, b.owners) && slices.Equal(a.finalizers, b.finalizers)
}

func (s *state) remove(before, after *node, woken *wakes) {
	if before == nil {
		return
	}
	delete(s.objects, before.key)
	delete(s.byUID, before.uid)
	for _, o := range before.owners {
		delete(s.dependents[o.UID], before)
		if len(s.dependents[o.UID]) == 0 {
			delete(s.dependents, o.UID)
		}
		s.wakeDeleting(o.UID, woken)
	}
	if after == nil || after.uid != before.uid {
		s.wakeDependents(before.uid, woken)
	}
}

// wakeDependents wakes all that an object owns, in an order that does not change from one replay to the next.
func (s *state) wakeDependents(uid string, woken *wakes) {
	keys := make([]subject.Object, 0, len(s.dependents[uid]))
	for d := range s.dependents[uid] {
		keys = append(keys, d.key)
	}
	slices.SortFunc(keys, func(a, b subject.Object) int {
		return cmp.Or(strings.Compare(a.Group, b.Group), strings.Compare(a.Resource.Name, b.Resource.Name),
			strings.Compare(a.Namespace, b.Namespace), strings.Compare(a.Name, b.Name))
	})
	for _, key := range keys {
		woken.add(key)
	}
}

func (s *state) add(before, after *node, woken *wakes) {
	if after == nil {
		return
	}
	s.objects[after.key], s.byUID[after.uid] = after, after
	for _, o := range after.owners {
		if s.dependents[o.UID] == nil {
			s.dependents[o.UID] = map[*node]struct{}{}
		}
		s.dependents[o.UID][after] = struct{}{}
		s.wakeDeleting(o.UID, woken)
	}
	if len(after.owners) > 0 || after.foreground() || after.orphaning() {
		woken.add(after.key)
	}
	if after.foreground() && (before == nil || !before.foreground()) {
		s.wakeDependents(after.uid, woken)
	}
}

// wakeDeleting wakes an owner that waits for its dependents.
func (s *state) wakeDeleting(uid string, woken *wakes) {
	if o := s.byUID[uid]; o != nil && (o.foreground() || o.orphaning()) {
		woken.add(o.key)
	}
}

type wakes struct {
	keys []subject.Object
	seen map[subject.Object]bool
}

func (w *wakes) add(k subject.Object) {
	if w.seen == nil {
		w.seen = map[subject.Object]bool{}
	}
	if !w.seen[k] {
		w.seen[k] = true
		w.keys = append(w.keys, k)
	}
}

// resourceOf is the resource of an owner reference's kind, if all of its objects are known.
func (s *state) resourceOf(o metadata.Owner) (subject.Resource, bool) {
	gv, err := schema.ParseGroupVersion(o.APIVersion)
	if err != nil {
		return subject.Resource{}, false
	}
	r, learned := s.kinds[schema.GroupKind{Group: gv.Group, Kind: o.Kind}]
	if !learned {
		plural, _ := meta.UnsafeGuessKindToResource(gv.WithKind(o.Kind))
		r = subject.Resource{Group: gv.Group, Name: strings.ToLower(plural.Resource)}
	}
	return r, s.reads[r]
}
