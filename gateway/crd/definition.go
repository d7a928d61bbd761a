package crd

import (
	"fmt"
	"slices"
	"sync"

	"k8s.io/apiextensions-apiserver/pkg/apihelpers"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/managedfields"
	versions "k8s.io/apimachinery/pkg/version"

	"taffrail.dev/events/subject"
	"taffrail.dev/gateway/kind"
	"taffrail.dev/gateway/view"
)

// definition is what is kept of a CustomResourceDefinition: its names and versions. It never changes. Its
// schemas are read and compiled when they are first needed.
type definition struct {
	name, uid, group string
	generation       int64
	// since is the sequence from which objects were stored by these schemas: older ones have
	// their defaults filled in and unknown fields dropped when they are read.
	since       uint64
	names       apiextensionsv1.CustomResourceDefinitionNames
	namespaced  bool
	established bool
	terminating bool
	// waiting definitions ask for names that others have.
	waiting   bool
	storage   string
	versions  []apiextensionsv1.CustomResourceDefinitionVersion // without schemas
	converter converter

	schemas func() (map[string]*compiled, error)
	types   func() managedfields.TypeConverter
	// kinds are the served versions, the preferred one first.
	kinds []*kind.Kind
}

// newDefinition reads a definition as of an entry of the view; before is the one that it replaces, nil for none.
func newDefinition(e *view.Entry, before *definition, cfg *Config) (*definition, error) {
	crd, err := decoded(e)
	if err != nil {
		return nil, err
	}
	d := &definition{
		name: crd.Name, uid: string(crd.UID), group: crd.Spec.Group, generation: crd.Generation, since: e.Sequence,
		names: crd.Status.AcceptedNames, namespaced: crd.Spec.Scope == apiextensionsv1.NamespaceScoped,
		established: apihelpers.IsCRDConditionTrue(crd, apiextensionsv1.Established),
		terminating: crd.DeletionTimestamp != nil,
		waiting:     apihelpers.IsCRDConditionFalse(crd, apiextensionsv1.NamesAccepted),
	}
	if before != nil && before.generation == d.generation {
		d.since = before.since
	}
	for _, v := range crd.Spec.Versions {
		v.Schema = nil
		d.versions = append(d.versions, v)
		if v.Storage {
			d.storage = v.Name
		}
	}
	d.converter = converterOf(crd, cfg)
	d.schemas = sync.OnceValues(func() (map[string]*compiled, error) {
		crd, err := decoded(e)
		if err != nil {
			return nil, err
		}
		return compile(crd)
	})
	d.types = sync.OnceValue(func() managedfields.TypeConverter { return newTypes(d) })
	if d.serves() {
		d.kinds = d.makeKinds()
	}
	return d, nil
}

func decoded(e *view.Entry) (*apiextensionsv1.CustomResourceDefinition, error) {
	obj, err := e.Decode()
	if err != nil {
		return nil, err
	}
	crd, ok := obj.(*apiextensionsv1.CustomResourceDefinition)
	if !ok {
		return nil, fmt.Errorf("%s is a %T", e.Key, obj)
	}
	return crd, nil
}

// serves says whether objects of the definition are served.
func (d *definition) serves() bool {
	return d.established && d.names.Plural != "" && d.names.Kind != "" && d.names.ListKind != ""
}

// alike says whether two states of a definition serve the same.
func (d *definition) alike(o *definition) bool {
	return d.generation == o.generation && d.established == o.established && d.terminating == o.terminating && d.waiting == o.waiting &&
		d.names.Plural == o.names.Plural && d.names.Singular == o.names.Singular && d.names.Kind == o.names.Kind &&
		d.names.ListKind == o.names.ListKind && slices.Equal(d.names.ShortNames, o.names.ShortNames) && slices.Equal(d.names.Categories, o.names.Categories)
}

func (d *definition) resource() subject.Resource {
	return subject.Resource{Group: d.group, Name: d.names.Plural}
}

func (d *definition) gvk(version string) schema.GroupVersionKind {
	return schema.GroupVersionKind{Group: d.group, Version: version, Kind: d.names.Kind}
}

// schema of a version; nil if it cannot be compiled, which is not accepted as a definition.
func (d *definition) schema(version string) (*compiled, error) {
	all, err := d.schemas()
	if err != nil {
		return nil, err
	}
	if c := all[version]; c != nil {
		return c, nil
	}
	return nil, fmt.Errorf("%s has no version %s", d.name, version)
}

// makeKinds makes a kind of every served version, in the order in which clients prefer them.
func (d *definition) makeKinds() []*kind.Kind {
	served := slices.DeleteFunc(slices.Clone(d.versions), func(v apiextensionsv1.CustomResourceDefinitionVersion) bool { return !v.Served })
	slices.SortStableFunc(served, func(a, b apiextensionsv1.CustomResourceDefinitionVersion) int {
		return versions.CompareKubeAwareVersionStrings(b.Name, a.Name)
	})
	kinds := make([]*kind.Kind, len(served))
	for i := range served {
		kinds[i] = (&version{d, &served[i]}).kind()
	}
	return kinds
}
