package rest

import (
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"

	"taffrail.dev/gateway/view"
)

// selector picks entries by namespace, labels and fields.
type selector struct {
	served    *served
	namespace string
	labels    labels.Selector
	fields    fields.Selector
	// name is an exact metadata.name, node an exact spec.nodeName; "" for any.
	name, node string
	// plain: the namespace and name say it all.
	plain bool
}

// newSelector reads selectors as clients write them; the error is a Status.
func newSelector(k *served, namespace, byLabels, byFields string) (*selector, error) {
	s := &selector{served: k, namespace: namespace, labels: labels.Everything(), fields: fields.Everything()}
	var err error
	if byLabels != "" {
		if s.labels, err = labels.Parse(byLabels); err != nil {
			return nil, apierrors.NewBadRequest(err.Error())
		}
	}
	if byFields != "" {
		if s.fields, err = fields.ParseSelector(byFields); err != nil {
			return nil, apierrors.NewBadRequest(err.Error())
		}
	}
	s.plain = s.labels.Empty()
	for _, r := range s.fields.Requirements() {
		if err := s.require(r); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (s *selector) require(r fields.Requirement) error {
	exact := r.Operator == selection.Equals || r.Operator == selection.DoubleEquals
	switch {
	case r.Field == "metadata.name":
		if exact {
			s.name = r.Value
		}
		s.plain = s.plain && exact
	case r.Field == "metadata.namespace" && s.served.Namespaced:
		s.plain = false
		if exact && s.namespace == "" {
			s.namespace = r.Value
		}
	case slices.Contains(s.served.SelectableFields, r.Field):
		s.plain = false
		if exact && r.Field == view.FieldNode {
			s.node = r.Value
		}
	default:
		return apierrors.NewBadRequest(fmt.Sprintf("field label not supported: %s", r.Field))
	}
	return nil
}

// scope is the index that has all the selector picks.
func (s *selector) scope() view.Scope {
	switch {
	case s.name != "" && (s.namespace != "" || !s.served.Namespaced):
		return view.Scope{Namespace: s.namespace, Name: s.name}
	case s.node != "":
		return view.Scope{Node: s.node}
	}
	return view.Scope{Namespace: s.namespace}
}

// everything says whether the selector picks all of its namespace.
func (s *selector) everything() bool { return s.plain && s.name == "" }

// matches says whether an entry is picked.
func (s *selector) matches(e *view.Entry) bool {
	if s.namespace != "" && e.Namespace() != s.namespace || s.name != "" && e.Name() != s.name {
		return false
	}
	if s.plain {
		return true
	}
	if !s.labels.Empty() && !s.labels.Matches(e.Labels()) {
		return false
	}
	return s.fields.Empty() || s.fields.Matches(fieldsOf{e, s.served})
}

// fieldsOf reads the fields of an entry.
type fieldsOf struct {
	entry  *view.Entry
	served *served
}

func (f fieldsOf) Has(field string) bool { return true }

func (f fieldsOf) Get(field string) string {
	switch field {
	case "metadata.name":
		return f.entry.Name()
	case "metadata.namespace":
		return f.entry.Namespace()
	case view.FieldNode:
		return f.entry.Node()
	}
	obj, err := f.served.object(f.entry)
	if err != nil || f.served.Selectable == nil {
		return ""
	}
	return f.served.Selectable(obj)[field]
}
