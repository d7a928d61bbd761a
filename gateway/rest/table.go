package rest

import (
	"encoding/json"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"taffrail.dev/gateway/kind"
)

var (
	tableTypes       = metav1.TypeMeta{Kind: "Table", APIVersion: "meta.k8s.io/v1"}
	partialTypes     = metav1.TypeMeta{Kind: "PartialObjectMetadata", APIVersion: "meta.k8s.io/v1"}
	partialListTypes = metav1.TypeMeta{Kind: "PartialObjectMetadataList", APIVersion: "meta.k8s.io/v1"}
	partialWire      = newWire(schema.GroupVersionKind{Group: "meta.k8s.io", Version: "v1", Kind: "PartialObjectMetadata"})
	partialListWire  = newWire(schema.GroupVersionKind{Group: "meta.k8s.io", Version: "v1", Kind: "PartialObjectMetadataList"})
)

// tabler makes tables of one kind.
type tabler struct {
	served  *served
	columns []kind.Column
	include metav1.IncludeObjectPolicy
	now     time.Time
}

func newTabler(k *served, include string, now time.Time) *tabler {
	return &tabler{served: k, columns: k.Table(), include: metav1.IncludeObjectPolicy(include), now: now}
}

func (t *tabler) definitions() []metav1.TableColumnDefinition {
	out := make([]metav1.TableColumnDefinition, len(t.columns))
	for i, c := range t.columns {
		out[i] = metav1.TableColumnDefinition{Name: c.Name, Type: c.Type, Format: c.Format, Description: c.Description, Priority: c.Priority}
	}
	return out
}

func (t *tabler) row(obj kind.Object) (metav1.TableRow, error) {
	row := metav1.TableRow{Cells: make([]any, len(t.columns))}
	for i, c := range t.columns {
		row.Cells[i] = c.Value(obj, t.now)
	}
	var err error
	switch t.include {
	case metav1.IncludeNone:
	case metav1.IncludeObject:
		var text []byte
		if text, err = textOf(obj); err == nil {
			row.Object = runtime.RawExtension{Raw: appendText(nil, t.served.wire.text, text)}
		}
	default:
		row.Object.Raw, err = json.Marshal(partialOf(obj))
	}
	return row, err
}

// table of objects; definitions are left out where the reader has them.
func (t *tabler) table(meta metav1.ListMeta, objects []kind.Object, defined bool) ([]byte, error) {
	out := metav1.Table{TypeMeta: tableTypes, ListMeta: meta, Rows: make([]metav1.TableRow, len(objects))}
	if !defined {
		out.ColumnDefinitions = t.definitions()
	}
	for i, obj := range objects {
		var err error
		if out.Rows[i], err = t.row(obj); err != nil {
			return nil, err
		}
	}
	return json.Marshal(out)
}

func partialOf(obj kind.Object) *metav1.PartialObjectMetadata {
	out := &metav1.PartialObjectMetadata{TypeMeta: partialTypes}
	if c, ok := obj.(*kind.Custom); ok {
		out.ObjectMeta = c.Meta()
		return out
	}
	if a, ok := obj.(metav1.ObjectMetaAccessor); ok {
		if m, ok := a.GetObjectMeta().(*metav1.ObjectMeta); ok {
			out.ObjectMeta = *m
		}
	}
	return out
}
