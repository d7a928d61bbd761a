package kind

import (
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/managedfields"

	"taffrail.dev/events/subject"
)

// Stored says how a kind's objects are stored where that is not as they are: one object is
// served at several versions, or in several groups, and stored at one.
//
// A kind works on objects of its own version: its defaults, rules, columns and patches see nothing else.
// What is stored is converted when it is read and written.
type Stored struct {
	// GroupVersionKind that is stored, and its resource.
	schema.GroupVersionKind
	Resource subject.Resource
	// Same says whether an object stored in these bytes at this sequence is one of the kind as it
	// is; then the bytes are served. nil: never.
	Same func(state []byte, sequence uint64) bool
	// From converts stored objects to the kind's, To one of the kind's to what is stored. They
	// do not change what they are given.
	From func(stored []Object) ([]Object, error)
	To   func(obj Object) (Object, error)
}

// Text is what is particular to a kind whose objects are JSON.
type Text struct {
	// ListKind is the kind of its lists.
	ListKind string
	// Coerce makes an object that was read from a user what the kind knows: other fields are dropped,
	// and told if track is set.
	Coerce func(obj *Custom, track bool) (unknown []string, err error)
	// Types are the schemas by which configurations are merged, and Convert makes an object of any
	// of the kind's versions one of another, for that merge.
	Types   func() managedfields.TypeConverter
	Convert func(obj *Custom, version string) (*Custom, error)
	// Closed refuses creates, as the kind's definition is being deleted.
	Closed bool
	// Warning is for everyone who uses this version; empty for none.
	Warning string
}

// StoredKind is the kind that objects are stored as.
func (k *Kind) StoredKind() schema.GroupVersionKind {
	if k.Stored != nil {
		return k.Stored.GroupVersionKind
	}
	return k.GroupVersionKind
}
