// Package ownership tracks which manager owns which field of an object
// (metadata.managedFields), and merges applied configurations.
//
// Merging and the general case are apimachinery's field manager. A create by one manager, the most
// frequent case, has a walk of its own (see plan.go) that gives the same answer.
package ownership

import (
	"fmt"
	"reflect"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/managedfields"
	"k8s.io/client-go/applyconfigurations"
	clientscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"taffrail.dev/gateway/discovery/openapi/assembly"
	"taffrail.dev/gateway/kind"
)

// Owners makes the managers of kinds. Schemas are loaded when the first of them is used.
type Owners struct {
	converter func() managedfields.TypeConverter
	kinds     map[schema.GroupVersionKind]*kind.Kind
}

// Schemas are those of all kinds, for merging. They are large, and read at the first call.
var Schemas = sync.OnceValue(func() managedfields.TypeConverter {
	return &trusting{TypeConverter: applyconfigurations.NewTypeConverter(clientscheme.Scheme)}
})

// New makes the owners of kinds.
func New(kinds []*kind.Kind) *Owners {
	o := &Owners{converter: Schemas, kinds: map[schema.GroupVersionKind]*kind.Kind{}}
	for _, k := range kinds {
		o.kinds[k.GroupVersionKind] = k
	}
	return o
}

// Load reads the schemas now rather than at first use.
func (o *Owners) Load() { o.converter() }

// Manager of a kind's objects, or of one of its subresources.
func (o *Owners) Manager(k *kind.Kind, subresource string) *Manager {
	m := &Manager{kind: k, subresource: subresource}
	if k.Text != nil {
		m.fields = sync.OnceValues(func() (*managedfields.FieldManager, error) { return customFields(k, subresource) })
		m.plan = func() *plan { return nil }
		return m
	}
	types := o.converter
	if !clientscheme.Scheme.Recognizes(k.GroupVersionKind) {
		types = sync.OnceValue(func() managedfields.TypeConverter { return described(k) })
	}
	m.fields = sync.OnceValues(func() (*managedfields.FieldManager, error) {
		gv := k.GroupVersion()
		return managedfields.NewDefaultFieldManager(types(), converter{o}, defaulter{k}, creater{o},
			k.GroupVersionKind, gv, subresource, resets(k, subresource))
	})
	m.plan = sync.OnceValue(func() *plan { return planOf(types(), k) })
	return m
}

// described are the types of a kind that client-go does not know, as it is published.
func described(k *kind.Kind) managedfields.TypeConverter {
	models, err := assembly.ModelsOf(k)
	if err != nil {
		return managedfields.NewDeducedTypeConverter()
	}
	types, err := managedfields.NewTypeConverter(models, false)
	if err != nil {
		return managedfields.NewDeducedTypeConverter()
	}
	return types
}

// resets are the fields that a write cannot own: the main resource's writer not the status, and the
// status' writer not the spec.
func resets(k *kind.Kind, subresource string) map[fieldpath.APIVersion]fieldpath.Filter {
	var field string
	switch {
	case subresource == "status":
		field = "spec"
	case hasStatus(k):
		field = "status"
	default:
		return nil
	}
	set := fieldpath.NewSet(fieldpath.MakePathOrDie(field))
	return map[fieldpath.APIVersion]fieldpath.Filter{
		fieldpath.APIVersion(k.GroupVersion().String()): fieldpath.NewExcludeSetFilter(set),
	}
}

func hasStatus(k *kind.Kind) bool {
	for _, s := range k.Subresources {
		if s.Name == "status" {
			return true
		}
	}
	return false
}

// Manager tracks the owners of one kind's fields.
type Manager struct {
	kind        *kind.Kind
	subresource string
	fields      func() (*managedfields.FieldManager, error)
	plan        func() *plan
}

// Created gives all fields of a new object to its creator, in place. manager is the
// writer's name.
func (m *Manager) Created(obj kind.Object, manager string, now time.Time) {
	managed := obj.GetManagedFields()
	if p := m.plan(); p != nil && len(managed) == 0 {
		if managed != nil { // an empty list asks for no tracking
			obj.SetManagedFields(nil)
			return
		}
		if fields := p.fields(obj); len(fields) > len("{}") {
			at := metav1.NewTime(now.UTC().Truncate(time.Second))
			obj.SetManagedFields([]metav1.ManagedFieldsEntry{{
				Manager: manager, Operation: metav1.ManagedFieldsOperationUpdate,
				APIVersion: m.kind.GroupVersion().String(), Time: &at,
				FieldsType: "FieldsV1", FieldsV1: &metav1.FieldsV1{Raw: fields},
			}})
		}
		return
	}
	m.Updated(m.kind.New(), obj, manager)
}

// Updated gives the fields in which obj differs from old to a manager, in place.
func (m *Manager) Updated(old, obj kind.Object, manager string) {
	fields, err := m.fields()
	if err != nil {
		obj.SetManagedFields(old.GetManagedFields())
		return
	}
	live, next, ok := differing(old, obj)
	if !ok {
		live, next = old.DeepCopyObject().(kind.Object), obj.DeepCopyObject().(kind.Object)
	}
	fields.UpdateNoErrors(m.typed(live), m.typed(next), manager)
	obj.SetManagedFields(next.GetManagedFields())
}

// differing is shallow copies of two objects of one type without the parts that are the same
// in both, most often all of the spec or the status: of these nobody gains or loses a field.
// ok is false for objects that are not API structs.
func differing(old, obj kind.Object) (a, b kind.Object, ok bool) {
	t := reflect.TypeOf(obj)
	if meta, found := t.Elem().FieldByName("ObjectMeta"); !found || !meta.Anonymous || reflect.TypeOf(old) != t {
		return nil, nil, false
	}
	left, right := reflect.New(t.Elem()), reflect.New(t.Elem())
	left.Elem().Set(reflect.ValueOf(old).Elem())
	right.Elem().Set(reflect.ValueOf(obj).Elem())
	for i := range t.Elem().NumField() {
		if t.Elem().Field(i).Anonymous {
			continue
		}
		x, y := left.Elem().Field(i), right.Elem().Field(i)
		if reflect.DeepEqual(x.Interface(), y.Interface()) {
			x.SetZero()
			y.SetZero()
		}
	}
	return left.Interface().(kind.Object), right.Interface().(kind.Object), true
}

func (m *Manager) typed(obj runtime.Object) runtime.Object {
	obj.GetObjectKind().SetGroupVersionKind(m.kind.GroupVersionKind)
	if c, ok := obj.(*kind.Custom); ok {
		return &c.Unstructured
	}
	return obj
}

// Apply merges a configuration into old (for a create an empty object) and returns the result, a
// new object. A conflict with other managers is a Status error of its own.
func (m *Manager) Apply(old kind.Object, applied *unstructured.Unstructured, manager string, force bool) (kind.Object, error) {
	fields, err := m.fields()
	if err != nil {
		return nil, err
	}
	out, err := fields.Apply(m.typed(old.DeepCopyObject()), applied, manager, force)
	if err != nil {
		return nil, err
	}
	if u, ok := out.(*unstructured.Unstructured); ok && m.kind.Text != nil {
		return &kind.Custom{Unstructured: *u}, nil
	}
	obj, ok := out.(kind.Object)
	if !ok {
		return nil, fmt.Errorf("apply: %T is not a %s", out, m.kind.Kind)
	}
	obj.GetObjectKind().SetGroupVersionKind(schema.GroupVersionKind{})
	return obj, nil
}

// converter, defaulter and creater show the field manager the kinds.
type converter struct{ owners *Owners }

func (c converter) Convert(in, out, _ any) error { return fmt.Errorf("convert %T to %T", in, out) }

func (c converter) ConvertToVersion(in runtime.Object, target runtime.GroupVersioner) (runtime.Object, error) {
	from := in.GetObjectKind().GroupVersionKind()
	k := c.owners.kinds[from]
	if k == nil {
		return nil, runtime.NewNotRegisteredErrForKind("taffrail", from)
	}
	if raw, ok := in.(*unstructured.Unstructured); ok {
		out := k.New()
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(raw.Object, out); err != nil {
			return nil, err
		}
		out.GetObjectKind().SetGroupVersionKind(from)
		in = out
	}
	if gvk, ok := target.KindForGroupVersionKinds([]schema.GroupVersionKind{from}); ok && gvk == from {
		return in, nil
	}
	return c.toVersion(in, k, target)
}

// toVersion makes an object one of the same kind at another version, by way of what is stored.
func (c converter) toVersion(in runtime.Object, k *kind.Kind, target runtime.GroupVersioner) (runtime.Object, error) {
	gv, ok := target.(schema.GroupVersion)
	obj, isObject := in.(kind.Object)
	to := c.owners.kinds[gv.WithKind(k.Kind)]
	if !ok || !isObject || to == nil || to.SubjectResource() != k.SubjectResource() {
		return nil, runtime.NewNotRegisteredErrForTarget("taffrail", reflect.TypeOf(in), target)
	}
	var err error
	if k.Stored != nil {
		if obj, err = k.Stored.To(obj); err != nil {
			return nil, err
		}
	}
	if to.Stored != nil {
		made, err := to.Stored.From([]kind.Object{obj})
		if err != nil {
			return nil, err
		}
		obj = made[0]
	} else if k.Stored == nil {
		return nil, runtime.NewNotRegisteredErrForTarget("taffrail", reflect.TypeOf(in), target)
	}
	obj.GetObjectKind().SetGroupVersionKind(to.GroupVersionKind)
	return obj, nil
}

func (c converter) ConvertFieldLabel(_ schema.GroupVersionKind, label, value string) (string, string, error) {
	return label, value, nil
}

type defaulter struct{ kind *kind.Kind }

func (d defaulter) Default(in runtime.Object) {
	if obj, ok := in.(kind.Object); ok && d.kind.Default != nil {
		d.kind.Default(obj)
	}
}

type creater struct{ owners *Owners }

func (c creater) New(gvk schema.GroupVersionKind) (runtime.Object, error) {
	k := c.owners.kinds[gvk]
	if k == nil {
		return nil, runtime.NewNotRegisteredErrForKind("taffrail", gvk)
	}
	obj := k.New()
	obj.GetObjectKind().SetGroupVersionKind(gvk)
	return obj, nil
}
