package kind_test

import (
	"context"
	"encoding/json"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"

	"taffrail.dev/gateway/kind"
)

// everything serves all hooks, with answers that nobody asks for.
func everything() kind.Hooks {
	connect := func(*kind.Request, kind.Object) (http.Handler, error) { return nil, nil }
	review := func(context.Context, *kind.Request, kind.Object) (kind.Object, error) { return nil, nil }
	return kind.Hooks{
		PodLog: connect, PodExec: connect, PodAttach: connect, PodPortForward: connect, PodProxy: connect,
		ServiceProxy: connect, NodeProxy: connect,
		ServiceAccountToken: func(context.Context, *kind.Request, kind.Tx, kind.Object, kind.Object) (kind.Object, error) {
			return nil, nil
		},
		TokenReview: review, SelfSubjectReview: review, SubjectAccessReview: review, LocalSubjectAccessReview: review,
		SelfSubjectAccessReview: review, SelfSubjectRulesReview: review,
	}
}

func kindOf(t testing.TB, resource string) *kind.Kind {
	t.Helper()
	for _, k := range kind.All(everything()) {
		if k.Resource == resource {
			return k
		}
	}
	t.Fatalf("no kind of resource %q", resource)
	return nil
}

func TestKindsAreWhole(t *testing.T) {
	t.Parallel()
	resources, shorts := map[string]bool{}, map[string]string{}
	for _, k := range kind.All(everything()) {
		id := k.GroupVersionResource().String()
		if resources[id] {
			t.Errorf("%s: two kinds", id)
		}
		resources[id] = true
		for _, s := range k.ShortNames {
			if other := shorts[s]; other != "" && k.Stored == nil {
				t.Errorf("%s: short name %s is %s's", id, s, other)
			}
			shorts[s] = id
		}
		if k.Kind == "" || k.Version == "" || strings.ToLower(k.Resource) != k.Resource {
			t.Errorf("%s: kind %q version %q", id, k.Kind, k.Version)
		}
		obj := k.New()
		if name := reflect.TypeOf(obj).Elem().Name(); name != k.Kind && !k.Internal {
			t.Errorf("%s: New makes a %s, want a %s", id, name, k.Kind)
		}
		if k.Review == nil && !k.Internal {
			testList(t, k)
		}
		testStatus(t, k)
		if len(k.SelectableFields) > 0 != (k.Selectable != nil) {
			t.Errorf("%s: SelectableFields without Selectable or the other way round", id)
		}
	}
}

func testList(t *testing.T, k *kind.Kind) {
	t.Helper()
	list := k.NewList()
	if err := meta.SetList(list, []runtime.Object{k.New()}); err != nil {
		t.Errorf("%s: the list cannot hold the kind: %v", k.Resource, err)
	}
	if name := reflect.TypeOf(list).Elem().Name(); name != k.Kind+"List" && k.Kind != "Endpoints" {
		t.Errorf("%s: NewList makes a %s", k.Resource, name)
	}
}

// testStatus checks that what has a status has a subresource for it, which keeps the rest.
func testStatus(t *testing.T, k *kind.Kind) {
	t.Helper()
	_, has := reflect.TypeOf(k.New()).Elem().FieldByName("Status")
	served := false
	for _, s := range k.Subresources {
		served = served || s.Name == "status"
		if len(s.Verbs) == 0 {
			t.Errorf("%s/%s: no verbs", k.Resource, s.Name)
		}
		if s.Create != nil && s.New == nil || s.Read != nil != (s.Write != nil) {
			t.Errorf("%s/%s: incomplete", k.Resource, s.Name)
		}
	}
	if k.Review == nil && has != served {
		t.Errorf("%s: has a status: %v, serves it: %v", k.Resource, has, served)
	}
}

// Every function of every kind takes an empty object.
func TestKindsTakeEmptyObjects(t *testing.T) {
	t.Parallel()
	now := time.Unix(1e9, 0)
	for _, k := range kind.All(everything()) {
		obj := k.New()
		run(k, obj, nil)
		run(k, obj, k.New())
		for _, c := range k.Table() {
			if _, err := json.Marshal(c.Value(obj, now)); err != nil {
				t.Errorf("%s: column %s: %v", k.Resource, c.Name, err)
			}
		}
		if k.Selectable != nil {
			fields := k.Selectable(obj)
			for name := range fields {
				if !contains(k.SelectableFields, name) {
					t.Errorf("%s: field %s is not declared", k.Resource, name)
				}
			}
		}
	}
}

func contains(list []string, s string) bool {
	for _, v := range list {
		if v == s {
			return true
		}
	}
	return false
}

// run puts an object through what a write does.
func run(k *kind.Kind, obj, old kind.Object) {
	if k.Default != nil {
		k.Default(obj)
	}
	if k.Prepare != nil {
		k.Prepare(obj, old)
	}
	if k.Validate != nil {
		k.Validate(obj, old)
	}
	if k.Warnings != nil {
		k.Warnings(obj, old)
	}
	if k.Spec != nil {
		k.Spec(obj)
	}
	if old == nil {
		return
	}
	for _, s := range k.Subresources {
		if s.Prepare != nil {
			s.Prepare(obj, old)
		}
		if s.Validate != nil {
			s.Validate(obj, old)
		}
		if s.Read != nil {
			_ = s.Write(obj, s.Read(obj))
		}
	}
}
