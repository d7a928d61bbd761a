package assembly

import (
	"reflect"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/kube-openapi/pkg/validation/spec"

	"taffrail.dev/gateway/kind"
)

// Kinds are all kinds with every hook set, so that no subresource is left out. The hooks
// are for being described, not for being called.
func Kinds() []*kind.Kind {
	var hooks kind.Hooks
	v := reflect.ValueOf(&hooks).Elem()
	for i := range v.NumField() {
		field := v.Field(i)
		field.Set(reflect.MakeFunc(field.Type(), func([]reflect.Value) []reflect.Value {
			panic("a hook of a kind that is only described was called")
		}))
	}
	return slices.DeleteFunc(kind.All(hooks), func(k *kind.Kind) bool { return k.Internal })
}

// named are the GroupVersionKinds that a model is the type of.
func named(kinds []*kind.Kind) map[string][]schema.GroupVersionKind {
	names := map[string][]schema.GroupVersionKind{}
	add := func(model any, gvk schema.GroupVersionKind) {
		name := modelName(model)
		if name != "" && !slices.Contains(names[name], gvk) {
			names[name] = append(names[name], gvk)
		}
	}
	for _, k := range kinds {
		add(k.New(), k.GroupVersionKind)
		if k.NewList != nil {
			add(k.NewList(), k.GroupVersion().WithKind(k.Kind+"List"))
		}
		for i := range k.Subresources {
			if sub := &k.Subresources[i]; sub.New != nil {
				add(sub.New(), sub.GroupVersionKind)
			}
		}
		add(&metav1.DeleteOptions{}, k.GroupVersion().WithKind("DeleteOptions"))
		add(&metav1.WatchEvent{}, k.GroupVersion().WithKind("WatchEvent"))
	}
	add(&metav1.Status{}, schema.GroupVersionKind{Version: "v1", Kind: "Status"})
	return names
}

type modelNamer interface{ OpenAPIModelName() string }

func modelName(model any) string {
	if n, ok := model.(modelNamer); ok {
		return n.OpenAPIModelName()
	}
	return ""
}

// extensions is GetDefinitionName for the builders.
func extensions(names map[string][]schema.GroupVersionKind) func(string) (string, spec.Extensions) {
	return func(name string) (string, spec.Extensions) {
		gvks := names[name]
		if len(gvks) == 0 {
			return name, nil
		}
		list := make([]any, len(gvks))
		for i, gvk := range gvks {
			list[i] = gvkMap(gvk)
		}
		return name, spec.Extensions{"x-kubernetes-group-version-kind": list}
	}
}

func gvkMap(gvk schema.GroupVersionKind) map[string]any {
	return map[string]any{"group": gvk.Group, "version": gvk.Version, "kind": gvk.Kind}
}

// groupVersions are the kinds by "api/v1" or "apis/GROUP/VERSION".
func groupVersions(kinds []*kind.Kind) map[string][]*kind.Kind {
	by := map[string][]*kind.Kind{}
	for _, k := range kinds {
		root := strings.TrimPrefix(rootOf(k), "/")
		by[root] = append(by[root], k)
	}
	return by
}

func rootOf(k *kind.Kind) string {
	if k.Group == "" {
		return "/api/" + k.Version
	}
	return "/apis/" + k.Group + "/" + k.Version
}
