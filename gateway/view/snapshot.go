package view

import (
	"github.com/google/btree"

	"taffrail.dev/gateway/kind"
)

// degree of the trees: nodes of up to 63 entries keep copies of a path small.
const degree = 32

func before(a, b *Entry) bool { return a.Key < b.Key }

// Snapshot is a resource's live objects at one sequence. It is immutable.
type Snapshot struct {
	// Sequence up to which the journal is folded in: the list's resourceVersion.
	Sequence uint64
	// Bytes is the sum of the objects' protobuf sizes.
	Bytes int
	Kind  *kind.Kind

	tree *btree.BTreeG[*Entry]
}

// Len is the number of objects.
func (s Snapshot) Len() int { return s.tree.Len() }

// Get is an object, nil if there is none.
func (s Snapshot) Get(namespace, name string) *Entry {
	e, _ := s.tree.Get(&Entry{Key: KeyOf(namespace, name)})
	return e
}

// Ascend calls fn with a namespace's objects ("" for all) in the order of their keys, from after the
// key `after` ("" for the first), until it returns false.
func (s Snapshot) Ascend(namespace, after string, fn func(*Entry) bool) {
	from := after
	if from != "" {
		from += "\x00"
	}
	if namespace == "" {
		s.tree.AscendGreaterOrEqual(&Entry{Key: from}, fn)
		return
	}
	start, end := namespace+"/", namespace+"0" // '0' follows '/'
	s.tree.AscendRange(&Entry{Key: max(start, from)}, &Entry{Key: end}, fn)
}
