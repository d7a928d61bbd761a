package ownership

import (
	"cmp"
	"reflect"
	"slices"
	"strconv"

	"taffrail.dev/gateway/kind"
)

func sortStrings(s []string) { slices.Sort(s) }

// presence is what the empty object has where the walk is.
type presence int

const (
	nothing presence = iota
	null
	nested
)

// walk writes the fields of one object.
type walk struct {
	out     []byte
	refused bool
}

// fields is an object's fields in FieldsV1; nil if the plan is not made for it.
func (p *plan) fields(obj kind.Object) []byte {
	w := &walk{out: make([]byte, 0, 1024)}
	w.out = append(w.out, '{')
	w.record(p.root, reflect.ValueOf(obj).Elem(), nested)
	w.out = append(w.out, '}')
	if w.refused {
		return nil
	}
	return w.out
}

// child writes label, what fn writes, and the end; nothing if there is nothing.
func (w *walk) child(label func(), owned bool, fn func() bool) {
	start := len(w.out)
	if w.out[start-1] != '{' {
		w.out = append(w.out, ',')
	}
	label()
	inside := len(w.out)
	if !fn() && !owned {
		w.out = w.out[:start]
		return
	}
	if owned && len(w.out) > inside {
		w.out = slices.Insert(w.out, inside, []byte(`".":{},`)...)
	}
	w.out = append(w.out, '}')
}

// value writes what is below a field; owned says whether the field itself is.
func (w *walk) value(n *node, v reflect.Value, lhs presence) (owned bool, below func() bool) {
	changed := !v.IsZero() // from null, or from the zero of a scalar
	for v.Kind() == reflect.Pointer && !v.IsNil() {
		v = v.Elem()
	}
	container := v.Kind() == reflect.Slice || v.Kind() == reflect.Map
	if container && v.Len() == 0 && changed && lhs != nothing {
		w.refused = true // null or empty: not for the walk to tell
	}
	if n.shape == leaf && lhs != nothing && changed && hollow(v) {
		w.refused = true // for the same reason
	}
	if n.shape == leaf || v.Kind() == reflect.Pointer || container && v.Len() == 0 {
		return lhs == nothing || changed, func() bool { return false }
	}
	return lhs == nothing, func() bool {
		before := len(w.out)
		switch n.shape {
		case record:
			w.record(n, v, lhs)
		case dictionary:
			w.dictionary(n, v)
		case keyed:
			w.keyed(n, v)
		case set:
			w.set(v)
		}
		return len(w.out) > before
	}
}

// hollow says whether a struct has nothing in it but empty containers.
func hollow(v reflect.Value) bool {
	if v.Kind() != reflect.Struct {
		return false
	}
	for i := range v.NumField() {
		f := v.Field(i)
		empty := f.IsZero() || (f.Kind() == reflect.Slice || f.Kind() == reflect.Map) && f.Len() == 0
		if !empty && !hollow(f) {
			return false
		}
	}
	return true
}

func (w *walk) record(n *node, v reflect.Value, lhs presence) {
	for i := range n.fields {
		f := &n.fields[i]
		value := f.cache.GetFrom(v)
		if f.cache.CanOmit(value) {
			continue
		}
		has := nothing
		if lhs == nested && !f.absent {
			if has = null; f.nested {
				has = nested
			}
		}
		owned, below := w.value(f.node, value, has)
		w.child(func() { w.out = append(w.out, f.label...) }, owned, below)
	}
}

func (w *walk) dictionary(n *node, v reflect.Value) {
	keys := make([]string, 0, v.Len())
	for it := v.MapRange(); it.Next(); {
		keys = append(keys, it.Key().String())
	}
	slices.Sort(keys)
	for _, key := range keys {
		if !plain(key) {
			w.refused = true
			return
		}
		owned, below := w.value(n.elem, v.MapIndex(reflect.ValueOf(key).Convert(v.Type().Key())), nothing)
		w.child(func() { w.out = append(append(append(w.out, `"f:`...), key...), `":{`...) }, owned, below)
	}
}

func (w *walk) set(v reflect.Value) {
	items := make([]string, v.Len())
	for i := range items {
		items[i] = v.Index(i).String()
	}
	slices.Sort(items)
	for i, item := range items {
		if !plain(item) || i > 0 && items[i-1] == item {
			w.refused = true
			return
		}
		w.child(func() { w.out = append(append(append(w.out, `"v:\"`...), item...), `\"":{`...) }, true, func() bool { return false })
	}
}

// element is a list's element by its keys, in the order of their names.
type element struct {
	keys  []key
	value reflect.Value
}

type key struct {
	text   string
	number int64
	quoted bool
}

func compareElements(a, b element) int {
	return slices.CompareFunc(a.keys, b.keys, func(x, y key) int {
		if c := cmp.Compare(x.number, y.number); c != 0 {
			return c
		}
		return cmp.Compare(x.text, y.text)
	})
}

func (w *walk) keyed(n *node, v reflect.Value) {
	elements := make([]element, v.Len())
	for i := range elements {
		elements[i] = element{make([]key, len(n.keys)), v.Index(i)}
		for j, f := range n.keys {
			var ok bool
			if elements[i].keys[j], ok = keyOf(f, elements[i].value); !ok {
				w.refused = true
				return
			}
		}
	}
	slices.SortFunc(elements, compareElements)
	for i, e := range elements {
		if i > 0 && compareElements(elements[i-1], e) == 0 {
			w.refused = true
			return
		}
		_, below := w.value(n.elem, e.value, nothing)
		w.child(func() { w.label(n, e) }, true, below)
	}
}

func keyOf(f recordField, v reflect.Value) (k key, ok bool) {
	value := f.cache.GetFrom(v)
	if f.cache.CanOmit(value) {
		return k, false
	}
	for value.Kind() == reflect.Pointer {
		if value.IsNil() {
			return k, false
		}
		value = value.Elem()
	}
	switch {
	case value.Kind() == reflect.String:
		k.text, k.quoted = value.String(), true
		return k, plain(k.text)
	case value.CanInt():
		k.number = value.Int()
		return k, true
	}
	return k, false
}

func (w *walk) label(n *node, e element) {
	w.out = append(w.out, `"k:{`...)
	for i, k := range e.keys {
		if i > 0 {
			w.out = append(w.out, ',')
		}
		w.out = append(append(append(w.out, `\"`...), n.keys[i].name...), `\":`...)
		if k.quoted {
			w.out = append(append(append(w.out, `\"`...), k.text...), `\"`...)
		} else {
			w.out = strconv.AppendInt(w.out, k.number, 10)
		}
	}
	w.out = append(w.out, `}":{`...)
}

// plain says whether JSON writes a text as it is.
func plain(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '_', c == '.', c == '/', c == ':', c == '~', c == '@', c == '=', c == ',', c == ' ', c == '*':
		default:
			return false
		}
	}
	return true
}
