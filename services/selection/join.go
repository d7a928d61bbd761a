package selection

import (
	"maps"
	"slices"

	"taffrail.dev/events/subject"
)

// Join keeps, namespace by namespace, which selectors select which objects. The
// selectors have keys, the objects names. Its owner is one goroutine.
type Join struct{ spaces map[string]*space }

type space struct {
	selectors map[subject.Object]*entry
	// buckets holds each selector once: under a pair it requires, or in rest.
	buckets map[pair]map[*entry]struct{}
	rest    map[*entry]struct{}
	objects map[string]*object
}

type entry struct {
	key      subject.Object
	selector Selector
	bucket   *pair
	members  map[string]struct{}
}

type object struct {
	labels Labels
	by     []*entry
}

// NewJoin makes an empty join.
func NewJoin() *Join { return &Join{spaces: map[string]*space{}} }

func (j *Join) space(namespace string) *space {
	s := j.spaces[namespace]
	if s == nil {
		s = &space{
			selectors: map[subject.Object]*entry{}, buckets: map[pair]map[*entry]struct{}{},
			rest: map[*entry]struct{}{}, objects: map[string]*object{},
		}
		j.spaces[namespace] = s
	}
	return s
}

func (j *Join) tidy(namespace string, s *space) {
	if len(s.selectors) == 0 && len(s.objects) == 0 {
		delete(j.spaces, namespace)
	}
}

// Select sets a key's selector, over the objects of the key's namespace.
func (j *Join) Select(key subject.Object, selector Selector) {
	j.Unselect(key)
	s := j.space(key.Namespace)
	e := &entry{key: key, selector: selector, members: map[string]struct{}{}}
	s.selectors[key] = e
	s.file(e)
	for name, o := range s.objects {
		if selector.Matches(o.labels) {
			e.members[name] = struct{}{}
			o.by = append(o.by, e)
		}
	}
}

// file puts a selector where fewest others are.
func (s *space) file(e *entry) {
	for i, p := range e.selector.pairs {
		if e.bucket == nil || len(s.buckets[p]) < len(s.buckets[*e.bucket]) {
			e.bucket = &e.selector.pairs[i]
		}
	}
	if e.bucket == nil {
		s.rest[e] = struct{}{}
		return
	}
	if s.buckets[*e.bucket] == nil {
		s.buckets[*e.bucket] = map[*entry]struct{}{}
	}
	s.buckets[*e.bucket][e] = struct{}{}
}

// Unselect forgets a key's selector.
func (j *Join) Unselect(key subject.Object) {
	s := j.spaces[key.Namespace]
	if s == nil || s.selectors[key] == nil {
		return
	}
	e := s.selectors[key]
	delete(s.selectors, key)
	delete(s.rest, e)
	if e.bucket != nil {
		delete(s.buckets[*e.bucket], e)
		if len(s.buckets[*e.bucket]) == 0 {
			delete(s.buckets, *e.bucket)
		}
	}
	for name := range e.members {
		o := s.objects[name]
		o.by = slices.DeleteFunc(o.by, func(other *entry) bool { return other == e })
	}
	j.tidy(key.Namespace, s)
}

// Put sets an object's labels and returns the keys that selected it before or do now.
func (j *Join) Put(namespace, name string, labels Labels) []subject.Object {
	s := j.space(namespace)
	o := s.objects[name]
	if o != nil && o.labels == labels {
		return keys(o.by)
	}
	woken := j.Drop(namespace, name)
	s = j.space(namespace)
	o = &object{labels: labels}
	s.objects[name] = o
	match := func(e *entry) {
		if e.selector.Matches(labels) {
			e.members[name] = struct{}{}
			o.by = append(o.by, e)
			if !slices.Contains(woken, e.key) {
				woken = append(woken, e.key)
			}
		}
	}
	for k, v := range labels.All() {
		for e := range s.buckets[pair{k, v}] {
			match(e)
		}
	}
	for e := range s.rest {
		match(e)
	}
	return sorted(woken)
}

// Drop forgets an object and returns the keys that selected it.
func (j *Join) Drop(namespace, name string) []subject.Object {
	s := j.spaces[namespace]
	if s == nil || s.objects[name] == nil {
		return nil
	}
	o := s.objects[name]
	delete(s.objects, name)
	for _, e := range o.by {
		delete(e.members, name)
	}
	j.tidy(namespace, s)
	return keys(o.by)
}

// Selector is a key's selector.
func (j *Join) Selector(key subject.Object) (Selector, bool) {
	if s := j.spaces[key.Namespace]; s != nil && s.selectors[key] != nil {
		return s.selectors[key].selector, true
	}
	return Selector{}, false
}

// Members are the names of the objects that a key selects, sorted.
func (j *Join) Members(key subject.Object) []string {
	s := j.spaces[key.Namespace]
	if s == nil || s.selectors[key] == nil {
		return nil
	}
	return slices.Sorted(maps.Keys(s.selectors[key].members))
}

func keys(by []*entry) []subject.Object {
	if len(by) == 0 {
		return nil
	}
	out := make([]subject.Object, len(by))
	for i, e := range by {
		out[i] = e.key
	}
	return sorted(out)
}

func sorted(keys []subject.Object) []subject.Object {
	slices.SortFunc(keys, func(a, b subject.Object) int {
		if a.Name < b.Name {
			return -1
		}
		if a.Name > b.Name {
			return 1
		}
		return 0
	})
	return keys
}
