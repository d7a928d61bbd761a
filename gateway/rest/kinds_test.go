package rest_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/yaml"
)

// typedClient is what all of client-go's typed clients can do.
type typedClient[T, L any] interface {
	Create(context.Context, *T, metav1.CreateOptions) (*T, error)
	Update(context.Context, *T, metav1.UpdateOptions) (*T, error)
	Get(context.Context, string, metav1.GetOptions) (*T, error)
	List(context.Context, metav1.ListOptions) (*L, error)
	Watch(context.Context, metav1.ListOptions) (watch.Interface, error)
	Patch(context.Context, string, types.PatchType, []byte, metav1.PatchOptions, ...string) (*T, error)
	Delete(context.Context, string, metav1.DeleteOptions) error
}

// life is an object's life by one typed client: manifest is the object, status a patch of its status ("" for none),
// generation what a new object has.
type life func(t *testing.T, manifest, status string, generation int64)

func lifeOf[T, L any, P interface {
	*T
	metav1.Object
}](client typedClient[T, L]) life {
	return func(t *testing.T, manifest, status string, generation int64) {
		ctx := t.Context()
		obj := P(new(T))
		if err := yaml.UnmarshalStrict([]byte(manifest), obj); err != nil {
			t.Fatal(err)
		}
		name := obj.GetName()
		events, err := client.Watch(ctx, metav1.ListOptions{FieldSelector: "metadata.name=" + name})
		if err != nil {
			t.Fatal(err)
		}
		defer events.Stop()
		must := func(step string) func(*T, error) P {
			return func(got *T, err error) P {
				t.Helper()
				if err != nil {
					t.Fatalf("%s: %v", step, err)
				}
				return P(got)
			}
		}
		made := must("create")(client.Create(ctx, obj, metav1.CreateOptions{}))
		if made.GetUID() == "" || made.GetGeneration() != generation {
			t.Errorf("created with uid %q and generation %d, want %d", made.GetUID(), made.GetGeneration(), generation)
		}
		got := must("get")(client.Get(ctx, name, metav1.GetOptions{}))
		got.SetLabels(map[string]string{"step": "update"})
		if changed := must("update")(client.Update(ctx, got, metav1.UpdateOptions{})); changed.GetGeneration() != generation || changed.GetLabels()["step"] != "update" {
			t.Errorf("updated to generation %d with labels %v", changed.GetGeneration(), changed.GetLabels())
		}
		patch(t, client, name, manifest, must)
		if status != "" {
			must("patch of the status")(client.Patch(ctx, name, types.MergePatchType, []byte(status), metav1.PatchOptions{}, "status"))
			now := must("get")(client.Get(ctx, name, metav1.GetOptions{}))
			holds(t, now, status)
		}
		list, err := client.List(ctx, metav1.ListOptions{FieldSelector: "metadata.name=" + name})
		if text, _ := json.Marshal(list); err != nil || !strings.Contains(string(text), string(made.GetUID())) {
			t.Errorf("list: %v", err)
		}
		if err := client.Delete(ctx, name, metav1.DeleteOptions{}); err != nil {
			t.Fatalf("delete: %v", err)
		}
		lived(t, events)
	}
}

// patch patches an object in each way that there is.
func patch[T, L any, P interface {
	*T
	metav1.Object
}](t *testing.T, client typedClient[T, L], name, manifest string, must func(string) func(*T, error) P) {
	t.Helper()
	for way, how := range map[string]types.PatchType{"strategic": types.StrategicMergePatchType, "merge": types.MergePatchType} {
		body := []byte(`{"metadata":{"annotations":{"by":"` + way + `"}}}`)
		if p := must(way + " patch")(client.Patch(t.Context(), name, how, body, metav1.PatchOptions{})); p.GetAnnotations()["by"] != way {
			t.Errorf("%s patch: annotations %v", way, p.GetAnnotations())
		}
	}
	force := true
	applied := must("apply")(client.Patch(t.Context(), name, types.ApplyYAMLPatchType, []byte(manifest), metav1.PatchOptions{FieldManager: "applier", Force: &force}))
	owns := false
	for _, m := range applied.GetManagedFields() {
		owns = owns || m.Manager == "applier" && m.Operation == metav1.ManagedFieldsOperationApply
	}
	if !owns {
		t.Errorf("apply: owners %v", applied.GetManagedFields())
	}
}

// holds checks that an object has all that a patch set.
func holds(t *testing.T, obj any, patch string) {
	t.Helper()
	var have, want map[string]any
	text, _ := json.Marshal(obj)
	if json.Unmarshal(text, &have) != nil || json.Unmarshal([]byte(patch), &want) != nil {
		t.Fatal("no JSON")
	}
	if !within(want, have) {
		t.Errorf("%s lacks %s", text, patch)
	}
}

func within(want, have any) bool {
	w, ok := want.(map[string]any)
	if !ok {
		a, _ := json.Marshal(want)
		b, _ := json.Marshal(have)
		return string(a) == string(b)
	}
	h, _ := have.(map[string]any)
	for k := range w {
		if !within(w[k], h[k]) {
			return false
		}
	}
	return true
}

// lived checks that a watch told of an object from its creation to its deletion.
func lived(t *testing.T, events watch.Interface) {
	t.Helper()
	var told []watch.EventType
	for e := range events.ResultChan() {
		if told = append(told, e.Type); e.Type == watch.Deleted {
			break
		}
	}
	if len(told) < 3 || told[0] != watch.Added || told[len(told)-1] != watch.Deleted {
		t.Errorf("watch told %v", told)
	}
}

// Every kind lives a life by client-go, in JSON and in protobuf.
func TestKindsByTypedClients(t *testing.T) {
	t.Parallel()
	for name, format := range map[string]string{"json": asJSON, "protobuf": asProtobuf} {
		w := serve(t)
		for kind, c := range lives(w.client(t, format)) {
			t.Run(kind+" in "+name, func(t *testing.T) {
				t.Parallel()
				c.life(t, strings.ReplaceAll(c.manifest, "POD", `{restartPolicy: Always, containers: [{name: c, image: i:1}]}`), c.status, c.generation)
			})
		}
	}
}

type lifeCase struct {
	life             life
	generation       int64
	manifest, status string
}

func lives(c *kubernetes.Clientset) map[string]lifeCase {
	all := workloads(c)
	for _, more := range []map[string]lifeCase{coreLives(c), networkLives(c), storageLives(c), clusterLives(c), deviceLives(c)} {
		for k, v := range more {
			all[k] = v
		}
	}
	return all
}
