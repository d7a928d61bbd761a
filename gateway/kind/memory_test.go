package kind_test

import (
	"cmp"
	"slices"
	"strings"

	"taffrail.dev/events/subject"
	"taffrail.dev/gateway/kind"
)

// memory is a Tx that writes at once.
type memory map[subject.Object]kind.Object

var _ kind.Tx = memory{}

func (m memory) put(r subject.Resource, obj kind.Object) {
	m[subject.Object{Resource: r, Namespace: obj.GetNamespace(), Name: obj.GetName()}] = obj
}

func (m memory) Get(r subject.Resource, namespace, name string) (kind.Object, bool) {
	obj, ok := m[subject.Object{Resource: r, Namespace: namespace, Name: name}]
	return obj, ok
}

func (m memory) List(r subject.Resource, namespace string) (list []kind.Object) {
	for k, obj := range m {
		if k.Resource == r && (namespace == "" || k.Namespace == namespace) {
			list = append(list, obj)
		}
	}
	slices.SortFunc(list, func(a, b kind.Object) int {
		return cmp.Or(strings.Compare(a.GetNamespace(), b.GetNamespace()), strings.Compare(a.GetName(), b.GetName()))
	})
	return list
}

func (m memory) Create(r subject.Resource, obj kind.Object) {
	if _, ok := m.Get(r, obj.GetNamespace(), obj.GetName()); ok {
		panic("created twice: " + obj.GetName())
	}
	m.put(r, obj)
}

func (m memory) Update(r subject.Resource, obj kind.Object) { m.put(r, obj) }

func (m memory) Delete(r subject.Resource, namespace, name string) {
	key := subject.Object{Resource: r, Namespace: namespace, Name: name}
	if _, ok := m[key]; !ok {
		panic("deleted but not there: " + name)
	}
	delete(m, key)
}
