package processtest

import (
	"encoding/json"
	"fmt"
	"time"

	"taffrail.dev/events/subject"
)

func (w *world) kindNamed(apiVersion, kind any) (Kind, error) {
	for _, k := range w.suite.Kinds {
		if k.APIVersion == apiVersion && k.Kind == kind {
			return k, nil
		}
	}
	return Kind{}, fmt.Errorf("the suite has no kind %v of %v", kind, apiVersion)
}

// kindOf a resource, or with a subresource of its body ("pods/binding").
func (w *world) kindOf(r subject.Resource, sub string) (Kind, error) {
	if sub != "" && sub != "status" && sub != "approval" {
		r.Name += "/" + sub
	}
	for _, k := range w.suite.Kinds {
		if k.Resource == r {
			return k, nil
		}
	}
	return Kind{}, fmt.Errorf("the suite has no kind for %v", r)
}

// meta is an object's metadata, made if it lacks one.
func meta(content map[string]any) map[string]any {
	m, ok := content["metadata"].(map[string]any)
	if !ok {
		m = map[string]any{}
		content["metadata"] = m
	}
	return m
}

// text is the string at a path, "" if there is none.
func text(content map[string]any, path ...string) string {
	for _, p := range path[:len(path)-1] {
		content, _ = content[p].(map[string]any)
	}
	s, _ := content[path[len(path)-1]].(string)
	return s
}

// toMap is the JSON form of a value.
func toMap(v any) (map[string]any, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	out := map[string]any{}
	return out, json.Unmarshal(data, &out)
}

// encode is an object's protobuf, by way of its Go type.
func (k Kind) encode(content map[string]any) ([]byte, error) {
	data, err := json.Marshal(content)
	if err != nil {
		return nil, err
	}
	o := k.New()
	if err := json.Unmarshal(data, o); err != nil {
		return nil, fmt.Errorf("%s: %w", k.Kind, err)
	}
	return o.Marshal()
}

// decode undoes encode.
func (k Kind) decode(data []byte) (map[string]any, error) {
	o := k.New()
	if err := o.Unmarshal(data); err != nil {
		return nil, fmt.Errorf("%s: %w", k.Kind, err)
	}
	return toMap(o)
}

// prune is a value without nulls and empty parts.
func prune(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for key, item := range v {
			if item = prune(item); item != nil {
				out[key] = item
			}
		}
		if len(out) == 0 {
			return nil
		}
		return out
	case []any:
		var out []any
		for _, item := range v {
			out = append(out, prune(item))
		}
		if len(out) == 0 {
			return nil
		}
		return out
	}
	return v
}

func stampTime(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// equal compares two JSON values.
func equal(a, b any) bool {
	x, errX := json.Marshal(prune(a))
	y, errY := json.Marshal(prune(b))
	return errX == nil && errY == nil && string(x) == string(y)
}
