package view

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync/atomic"

	"k8s.io/apimachinery/pkg/labels"

	"taffrail.dev/gateway/kind"
)

// Entry is one version of one object. It never changes; what is derived from it
// is made when first asked for and shared.
type Entry struct {
	// Key is "namespace/name", "/name" for cluster-scoped objects; lists are in its order.
	Key      string
	Sequence uint64

	table *Table
	// state is what is stored with its resourceVersion: protobuf, or JSON.
	state  []byte
	object atomic.Pointer[held]
	text   atomic.Pointer[[]byte]
	// forms are the object at other versions than the stored, newest first.
	forms atomic.Pointer[form]
}

// held boxes an interface value for an atomic pointer.
type held struct{ object kind.Object }

// form is an object as a kind serves it.
type form struct {
	of     *kind.Kind
	object kind.Object
	next   *form
}

// KeyOf is an object's key.
func KeyOf(namespace, name string) string { return namespace + "/" + name }

// Namespace of the object, "" if cluster-scoped.
func (e *Entry) Namespace() string { return e.Key[:strings.IndexByte(e.Key, '/')] }

// Name of the object.
func (e *Entry) Name() string { return e.Key[strings.IndexByte(e.Key, '/')+1:] }

// Proto is the object in Kubernetes protobuf, resourceVersion included, without
// the k8s magic; JSON where that is what is stored. It must not be changed.
func (e *Entry) Proto() []byte { return e.state }

// Form is the object as another kind serves it, nil if that has not been held or was dropped. It is shared and
// must not be changed.
func (e *Entry) Form(of *kind.Kind) kind.Object {
	for f := e.forms.Load(); f != nil; f = f.next {
		if f.of == of {
			return f.object
		}
	}
	return nil
}

// HoldForm keeps a form for those who come after.
func (e *Entry) HoldForm(of *kind.Kind, object kind.Object) {
	for {
		first := e.forms.Load()
		if e.forms.CompareAndSwap(first, &form{of, object, first}) {
			e.table.objects.hold(e, 4*len(e.state))
			return
		}
	}
}

// Object is the object decoded, resourceVersion set and TypeMeta empty. It is
// shared and must not be changed.
func (e *Entry) Object() (kind.Object, error) {
	if h := e.object.Load(); h != nil {
		return h.object, nil
	}
	object, err := e.Decode()
	if err != nil {
		return nil, err
	}
	e.object.Store(&held{object})
	e.table.objects.hold(e, 4*len(e.state))
	return object, nil
}

// Peek is the object decoded as Object is, for one who asks in passing: it is not kept for the next.
func (e *Entry) Peek() (kind.Object, error) {
	if h := e.object.Load(); h != nil {
		return h.object, nil
	}
	return e.Decode()
}

// Decode is a private copy of the object.
func (e *Entry) Decode() (kind.Object, error) {
	var object kind.Object = &kind.Custom{}
	if e.table.Kind != nil {
		object = e.table.Kind.New()
	}
	if err := object.Unmarshal(e.state); err != nil {
		return nil, fmt.Errorf("decode %s %s at %d: %w", e.table.Resource, e.Key, e.Sequence, err)
	}
	return object, nil
}

// JSON is the object in JSON, beginning with '{'; without kind and apiVersion, but where JSON is what is
// stored. It must not be changed.
func (e *Entry) JSON() ([]byte, error) {
	if text(e.state) {
		return e.state, nil
	}
	if text := e.text.Load(); text != nil {
		return *text, nil
	}
	object, err := e.Peek() // kept as text alone
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(object)
	if err != nil {
		return nil, fmt.Errorf("encode %s %s as JSON: %w", e.table.Resource, e.Key, err)
	}
	e.text.Store(&text)
	e.table.texts.hold(e, len(text))
	return text, nil
}

// strip drops what was derived: the object has changed, few will ask for it as it was.
func (e *Entry) strip() {
	if e.object.Load() != nil {
		e.table.objects.release(e)
	}
	if e.text.Load() != nil {
		e.table.texts.release(e)
	}
}

// Labels of the object, read without decoding it.
func (e *Entry) Labels() labels.Set {
	if h := e.object.Load(); h != nil {
		return h.object.GetLabels()
	}
	if text(e.state) {
		object, err := e.Object()
		if err != nil {
			return nil
		}
		return object.GetLabels()
	}
	return labelsOf(e.state)
}

// State is the object's bytes as they are stored, without resourceVersion.
func (e *Entry) State() []byte {
	if text(e.state) {
		return unspliceText(e.state)
	}
	return e.state[:len(e.state)-spliceSize(e.Sequence)]
}
