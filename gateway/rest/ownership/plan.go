package ownership

import (
	"reflect"

	"k8s.io/apimachinery/pkg/util/managedfields"
	"sigs.k8s.io/structured-merge-diff/v6/schema"
	"sigs.k8s.io/structured-merge-diff/v6/value"

	"taffrail.dev/gateway/kind"
)

// plan is how to list the fields of a kind's object: its Go type and its merge schema laid side by
// side once, so that listing is one walk that writes as it goes.
//
// The walk gives what comparing the object with an empty one gives: everything present is owned, except
// containers that the empty object has as well. What it is not made for (duplicate or incomplete list
// keys, unusual characters) it refuses, and the field manager does it.
type plan struct{ root *node }

type shape int

const (
	leaf shape = iota
	record
	dictionary
	keyed // a list whose elements have keys
	set   // a list of scalars
)

type node struct {
	shape  shape
	fields []recordField
	elem   *node
	keys   []recordField
}

type recordField struct {
	name   string
	label  string // `"f:name":{`
	cache  *value.FieldCacheEntry
	node   *node
	absent bool // from the empty record
	nested bool // in the empty record as a record of its own
}

// stripped are metadata's fields that nobody owns.
var stripped = map[string]bool{
	"name": true, "namespace": true, "creationTimestamp": true, "selfLink": true, "uid": true, "clusterName": true,
	"generation": true, "managedFields": true, "resourceVersion": true,
}

// planOf is nil for a kind whose schema is not of the plain sort.
func planOf(converter managedfields.TypeConverter, k *kind.Kind) *plan {
	empty := k.New()
	empty.GetObjectKind().SetGroupVersionKind(k.GroupVersionKind)
	typed, err := converter.ObjectToTyped(empty)
	if err != nil {
		return nil
	}
	b := builder{schema: typed.Schema(), known: map[nodeKey]*node{}}
	atom, ok := b.schema.Resolve(typed.TypeRef())
	if !ok || atom.Map == nil {
		return nil
	}
	t := reflect.TypeOf(empty).Elem()
	root := &node{shape: record}
	for _, f := range value.TypeReflectEntryOf(t).OrderedFields() {
		if f.JsonName == "apiVersion" || f.JsonName == "kind" || f.JsonName == "status" && hasStatus(k) {
			continue
		}
		if !b.field(root, t, f, atom.Map) {
			return nil
		}
	}
	for i, f := range root.fields {
		if f.name == "metadata" {
			root.fields[i].node = withoutStripped(f.node)
		}
	}
	return &plan{root}
}

func withoutStripped(n *node) *node {
	out := &node{shape: record}
	for _, f := range n.fields {
		if !stripped[f.name] {
			out.fields = append(out.fields, f)
		}
	}
	return out
}

type nodeKey struct {
	goType reflect.Type
	name   string
}

type builder struct {
	schema *schema.Schema
	known  map[nodeKey]*node
}

// build is nil for what the walk is not made for.
func (b *builder) build(t reflect.Type, ref schema.TypeRef) *node {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if value.TypeReflectEntryOf(t).CanConvertToUnstructured() || value.TypeReflectEntryOf(reflect.PointerTo(t)).CanConvertToUnstructured() {
		return &node{}
	}
	if ref.NamedType != nil && ref.ElementRelationship == nil {
		key := nodeKey{t, *ref.NamedType}
		if n := b.known[key]; n != nil {
			return n
		}
		n := &node{}
		b.known[key] = n // before its fields: types may contain themselves
		if !b.fill(n, t, ref) {
			return nil
		}
		return n
	}
	n := &node{}
	if !b.fill(n, t, ref) {
		return nil
	}
	return n
}

func (b *builder) fill(n *node, t reflect.Type, ref schema.TypeRef) bool {
	atom, ok := b.schema.Resolve(ref)
	if !ok {
		return false
	}
	atomicList := atom.List == nil || atom.List.ElementRelationship == schema.Atomic
	atomicMap := atom.Map == nil || atom.Map.ElementRelationship == schema.Atomic
	switch {
	case atomicList && atomicMap:
		return atom.Scalar != nil || atom.List != nil || atom.Map != nil
	case atom.Scalar != nil || atom.List != nil && atom.Map != nil:
		return false
	case atom.List != nil:
		return t.Kind() == reflect.Slice && b.list(n, t.Elem(), atom.List)
	case t.Kind() == reflect.Map:
		n.shape, n.elem = dictionary, b.build(t.Elem(), atom.Map.ElementType)
		return n.elem != nil && t.Key().Kind() == reflect.String
	case t.Kind() != reflect.Struct:
		return false
	}
	n.shape = record
	for _, f := range value.TypeReflectEntryOf(t).OrderedFields() {
		if !b.field(n, t, f, atom.Map) {
			return false
		}
	}
	return true
}

func (b *builder) field(n *node, t reflect.Type, f *value.FieldCacheEntry, in *schema.Map) bool {
	described, ok := in.FindField(f.JsonName)
	if !ok {
		return false
	}
	zero := f.GetFrom(reflect.Zero(t))
	field := recordField{name: f.JsonName, label: `"f:` + f.JsonName + `":{`, cache: f, absent: f.CanOmit(zero)}
	if field.node = b.build(zero.Type(), described.Type); field.node == nil {
		return false
	}
	field.nested = !field.absent && zero.Kind() == reflect.Struct && field.node.shape == record
	n.fields = append(n.fields, field)
	return true
}

func (b *builder) list(n *node, elem reflect.Type, l *schema.List) bool {
	if len(l.Keys) == 0 {
		n.shape = set
		return elem.Kind() == reflect.String
	}
	n.shape = keyed
	if n.elem = b.build(elem, l.ElementType); n.elem == nil || n.elem.shape != record && n.elem.shape != leaf {
		return false
	}
	all := value.TypeReflectEntryOf(elem).Fields()
	keys := append([]string(nil), l.Keys...)
	sortStrings(keys)
	for _, name := range keys {
		if all[name] == nil {
			return false
		}
		n.keys = append(n.keys, recordField{name: name, cache: all[name]})
	}
	return elem.Kind() == reflect.Struct
}
