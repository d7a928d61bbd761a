package ownership

import (
	"reflect"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	flowcontrolv1 "k8s.io/api/flowcontrol/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/managedfields"
	"k8s.io/client-go/applyconfigurations"
	clientscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/randfill"

	"taffrail.dev/gateway/kind"
)

func pod() *corev1.Pod {
	grace := int64(30)
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Name: "a", Namespace: "ns", UID: "u", CreationTimestamp: metav1.Now(), Labels: map[string]string{"app": "x", "a.b/c": "d"},
			Finalizers:      []string{"b.c/d", "a.b/c"},
			OwnerReferences: []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: "r", UID: "r-1"}},
		},
		Spec: corev1.PodSpec{
			RestartPolicy: corev1.RestartPolicyAlways, TerminationGracePeriodSeconds: &grace, SecurityContext: &corev1.PodSecurityContext{},
			Tolerations: []corev1.Toleration{{Key: "k"}},
			Volumes:     []corev1.Volume{{Name: "v", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}}},
			Containers: []corev1.Container{{
				Name: "z", Image: "i", Args: []string{"x"},
				Env: []corev1.EnvVar{{Name: "B", Value: "1"}, {Name: "A"}},
				Ports: []corev1.ContainerPort{
					{ContainerPort: 8080, Protocol: corev1.ProtocolTCP}, {ContainerPort: 443, Protocol: corev1.ProtocolTCP}, {ContainerPort: 443, Protocol: corev1.ProtocolUDP},
				},
				Resources:      corev1.ResourceRequirements{Requests: corev1.ResourceList{"cpu": resource.MustParse("1"), "memory": resource.MustParse("1Gi")}},
				ReadinessProbe: &corev1.Probe{ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: "/", Port: intstr.FromInt32(80)}}},
			}, {Name: "a"}},
		},
	}
}

// unaided is the owners as the library alone makes them.
func unaided(kinds []*kind.Kind) *Owners {
	o := New(kinds)
	o.converter = sync.OnceValue(func() managedfields.TypeConverter {
		return applyconfigurations.NewTypeConverter(clientscheme.Scheme)
	})
	return o
}

// TestWalkAgrees compares the walk with the field manager, on a pod and on random objects of every kind.
func TestWalkAgrees(t *testing.T) {
	t.Parallel()
	kinds := kind.All(kind.Hooks{})
	owners, library := New(kinds), unaided(kinds)
	for _, k := range kinds {
		if k.Internal || k.Review != nil {
			continue
		}
		m := owners.Manager(k, "")
		p := m.plan()
		if p == nil {
			t.Errorf("%s: no plan", k.Kind)
			continue
		}
		objects := []kind.Object{k.New()}
		if k.Kind == "Pod" {
			objects = append(objects, pod())
		}
		fill := randfill.NewWithSeed(7).NilChance(.5).NumElements(0, 3).MaxDepth(9).Funcs(
			func(s *string, c randfill.Continue) { *s = string(rune('a'+c.Intn(26))) + string(rune('a'+c.Intn(26))) },
			func(o *metav1.ObjectMeta, c randfill.Continue) { o.Labels = map[string]string{"a": "b"} },
			func(q *resource.Quantity, c randfill.Continue) {
				*q = *resource.NewQuantity(int64(c.Intn(9)), resource.DecimalSI)
			},
			func(q *metav1.Time, c randfill.Continue) { *q = metav1.NewTime(time.Unix(int64(c.Intn(1000)), 0)) },
			func(r *runtime.RawExtension, _ randfill.Continue) { r.Raw = []byte(`{"a":1}`) },
			// The key of a list, which the library wants to be there.
			func(t *flowcontrolv1.FlowSchemaConditionType, _ randfill.Continue) { *t = "Dangling" },
			func(t *flowcontrolv1.PriorityLevelConfigurationConditionType, _ randfill.Continue) { *t = "Fit" },
		)
		for range 30 {
			obj := k.New()
			fill.Fill(obj)
			objects = append(objects, obj)
		}
		refused := 0
		for _, obj := range objects {
			obj.SetManagedFields(nil)
			got := string(p.fields(obj))
			if got == "" {
				refused++
				continue
			}
			library.Manager(k, "").Updated(k.New(), obj, "m")
			want := "{}"
			if managed := obj.GetManagedFields(); len(managed) > 0 {
				want = string(managed[0].FieldsV1.Raw)
			}
			if got != want {
				t.Fatalf("%s:\n got %s\nwant %s", k.Kind, got, want)
			}
		}
		t.Logf("%s: refused %d of %d", k.Kind, refused, len(objects))
	}
}

// TestUpdatedAgrees compares the update of what differs with the field manager's of the whole.
func TestUpdatedAgrees(t *testing.T) {
	t.Parallel()
	kinds := kind.All(kind.Hooks{})
	owners, library := New(kinds), unaided(kinds)
	for _, k := range kinds {
		if k.Internal || k.Review != nil {
			continue
		}
		fill := randfill.NewWithSeed(11).NilChance(.4).NumElements(0, 2).MaxDepth(8).Funcs(
			func(s *string, c randfill.Continue) { *s = string(rune('a'+c.Intn(26))) + string(rune('a'+c.Intn(26))) },
			func(o *metav1.ObjectMeta, c randfill.Continue) {
				o.UID, o.Labels = "u", map[string]string{"a": string(rune('a' + c.Intn(3)))}
			},
			func(q *resource.Quantity, c randfill.Continue) {
				*q = *resource.NewQuantity(int64(c.Intn(9)), resource.DecimalSI)
			},
			func(q *metav1.Time, c randfill.Continue) { *q = metav1.NewTime(time.Unix(int64(c.Intn(1000)), 0)) },
			func(r *runtime.RawExtension, _ randfill.Continue) { r.Raw = []byte(`{"a":1}`) },
			// The key of a list, which the library wants to be there.
			func(t *flowcontrolv1.FlowSchemaConditionType, _ randfill.Continue) { *t = "Dangling" },
			func(t *flowcontrolv1.PriorityLevelConfigurationConditionType, _ randfill.Continue) { *t = "Fit" },
		)
		for _, subresource := range []string{"", "status"} {
			m := owners.Manager(k, subresource)
			full, err := library.Manager(k, subresource).fields()
			if err != nil {
				t.Fatal(err)
			}
			for round := range 20 {
				old, other := k.New(), k.New()
				fill.Fill(old)
				fill.Fill(other)
				m.Created(old, "creator", time.Unix(1, 0))
				obj := mixed(old, other, round)
				want := obj.DeepCopyObject().(kind.Object)
				full.UpdateNoErrors(m.typed(old.DeepCopyObject()), m.typed(want), "writer")
				m.Updated(old, obj, "writer")
				if got, want := owned(obj), owned(want); got != want {
					t.Fatalf("%s %q:\n got %s\nwant %s", k.Kind, subresource, got, want)
				}
			}
		}
	}
}

// mixed is old with some of another's top-level fields.
func mixed(old, other kind.Object, choice int) kind.Object {
	obj := old.DeepCopyObject().(kind.Object)
	to, from := reflect.ValueOf(obj).Elem(), reflect.ValueOf(other).Elem()
	for i := range to.NumField() {
		if !to.Type().Field(i).Anonymous && choice>>(i%4)&1 == 1 {
			to.Field(i).Set(from.Field(i))
		}
	}
	obj.SetLabels(other.GetLabels())
	return obj
}

func owned(obj kind.Object) string {
	out := ""
	for _, m := range obj.GetManagedFields() {
		out += m.Manager + " " + string(m.Operation) + " " + m.Subresource + " " + string(m.FieldsV1.Raw) + "\n"
	}
	return out
}

func BenchmarkCreated(b *testing.B) {
	kinds := kind.All(kind.Hooks{})
	owners := New(kinds)
	for _, k := range kinds {
		if k.Kind != "Pod" {
			continue
		}
		m := owners.Manager(k, "")
		m.Created(pod(), "m", time.Now())
		b.Run("walk", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				m.Created(pod(), "m", time.Now())
			}
		})
		b.Run("manager", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				m.Updated(k.New(), pod(), "m")
			}
		})
	}
}
