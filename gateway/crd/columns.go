package crd

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/duration"
	"k8s.io/client-go/util/jsonpath"

	"taffrail.dev/gateway/kind"
)

// columns are the version's printer columns after the name, made when a table is first asked for.
func (v *version) columns() func() []kind.Column {
	return sync.OnceValue(func() []kind.Column {
		given := v.AdditionalPrinterColumns
		if len(given) == 0 {
			given = []apiextensionsv1.CustomResourceColumnDefinition{{
				Name: "Age", Type: "date", JSONPath: ".metadata.creationTimestamp",
				Description: metav1.ObjectMeta{}.SwaggerDoc()["creationTimestamp"],
			}}
		}
		out := []kind.Column{{
			Name: "Name", Type: "string", Format: "name", Description: metav1.ObjectMeta{}.SwaggerDoc()["name"],
			Value: func(obj kind.Object, _ time.Time) any { return obj.GetName() },
		}}
		for _, c := range given {
			out = append(out, column(c))
		}
		return out
	})
}

func column(c apiextensionsv1.CustomResourceColumnDefinition) kind.Column {
	out := kind.Column{Name: c.Name, Type: c.Type, Format: c.Format, Description: c.Description, Priority: c.Priority}
	if out.Description == "" {
		out.Description = fmt.Sprintf("Custom resource definition column (in JSONPath format): %s", c.JSONPath)
	}
	find, err := newFinder(c.Name, c.JSONPath)
	if err != nil {
		out.Value = func(kind.Object, time.Time) any { return nil }
		return out
	}
	out.Value = func(obj kind.Object, now time.Time) any {
		value, ok := find.first(obj.(*kind.Custom).Object)
		if !ok {
			return nil
		}
		if c.Type == "string" {
			return find.print(value)
		}
		return cell(c.Type, value, now)
	}
	return out
}

// finder evaluates a JSON path; its library's are not safe for use in parallel.
type finder struct {
	mu   sync.Mutex // guards path
	path *jsonpath.JSONPath
}

func newFinder(name, path string) (*finder, error) {
	p := jsonpath.New(name).AllowMissingKeys(true)
	if err := p.Parse("{" + path + "}"); err != nil {
		return nil, err
	}
	return &finder{path: p}, nil
}

// first is the first value that the path finds.
func (f *finder) first(content map[string]any) (any, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	found, err := f.path.FindResults(content)
	if err != nil || len(found) == 0 || len(found[0]) == 0 {
		return nil, false
	}
	return found[0][0].Interface(), true
}

func (f *finder) print(value any) any {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out bytes.Buffer
	if f.path.PrintResults(&out, []reflect.Value{reflect.ValueOf(value)}) != nil {
		return nil
	}
	return out.String()
}

// cell is a value of a column that is no string; nil if it is not of the column's type.
func cell(columnType string, value any, now time.Time) any {
	switch columnType {
	case "integer":
		switch n := value.(type) {
		case int64:
			return n
		case float64:
			return int64(n)
		case json.Number:
			if i, err := n.Int64(); err == nil {
				return i
			}
		}
	case "number":
		switch n := value.(type) {
		case int64:
			return float64(n)
		case float64:
			return n
		}
	case "boolean":
		if b, ok := value.(bool); ok {
			return b
		}
	case "date":
		if text, ok := value.(string); ok {
			return ago(text, now)
		}
	}
	return nil
}

func ago(text string, now time.Time) string {
	var t metav1.Time
	switch err := t.UnmarshalQueryParameter(text); {
	case err != nil:
		return "<invalid>"
	case t.IsZero():
		return "<unknown>"
	}
	return duration.HumanDuration(now.Sub(t.Time))
}

// selectable are the names of the version's selectable fields.
func (v *version) selectable() []string {
	var out []string
	for _, f := range v.SelectableFields {
		out = append(out, strings.TrimPrefix(f.JSONPath, "."))
	}
	return out
}

// selected gives an object's values of them; nil for a version without any.
func (v *version) selected() func(kind.Object) map[string]string {
	if len(v.SelectableFields) == 0 {
		return nil
	}
	finders := sync.OnceValue(func() map[string]*finder {
		out := map[string]*finder{}
		for _, f := range v.SelectableFields {
			if find, err := newFinder("selectableField", f.JSONPath); err == nil {
				out[strings.TrimPrefix(f.JSONPath, ".")] = find
			}
		}
		return out
	})
	return func(obj kind.Object) map[string]string {
		out := map[string]string{}
		for name, find := range finders() {
			if value, ok := find.first(obj.(*kind.Custom).Object); ok && value != nil {
				out[name] = fmt.Sprint(value)
			}
		}
		return out
	}
}
