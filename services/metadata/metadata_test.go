package metadata_test

import (
	"encoding/json"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	eventv1 "taffrail.dev/proto/gen/event/v1"
	"taffrail.dev/services/metadata"
)

func example() *corev1.Pod {
	yes, now := true, metav1.NewTime(time.Unix(1700000000, 0))
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Name: "web-1", Namespace: "shop", UID: "u-1", DeletionTimestamp: &now,
			Labels: map[string]string{"app": "web"}, Finalizers: []string{"example.org/a", "example.org/b"},
			OwnerReferences: []metav1.OwnerReference{
				{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: "web", UID: "u-0", Controller: &yes, BlockOwnerDeletion: &yes},
				{APIVersion: "v1", Kind: "ConfigMap", Name: "c", UID: "u-9"},
			},
		},
		Spec: corev1.PodSpec{NodeName: "n"},
	}
}

func TestDecodeReadsBothEncodingsAlike(t *testing.T) {
	t.Parallel()
	binary, err := example().Marshal()
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(example())
	if err != nil {
		t.Fatal(err)
	}
	for encoding, state := range map[eventv1.Encoding][]byte{eventv1.Encoding_ENCODING_PROTOBUF: binary, eventv1.Encoding_ENCODING_JSON: text} {
		m, err := metadata.Decode(encoding, state)
		if err != nil {
			t.Fatalf("%v: %v", encoding, err)
		}
		if m.Name != "web-1" || m.Namespace != "shop" || m.UID != "u-1" || !m.Deleting() || len(m.Finalizers) != 2 || len(m.Owners) != 2 {
			t.Fatalf("%v: %+v", encoding, m)
		}
		if o := m.Owners[0]; o != (metadata.Owner{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: "web", UID: "u-0", Controller: true, BlockOwnerDeletion: true}) {
			t.Fatalf("%v: owner %+v", encoding, o)
		}
		if o := m.Owners[1]; o.Controller || o.BlockOwnerDeletion {
			t.Fatalf("%v: owner %+v", encoding, o)
		}
	}
}

func FuzzDecode(f *testing.F) {
	binary, err := example().Marshal()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(binary)
	f.Add([]byte{0x0a, 0xff})
	f.Fuzz(func(t *testing.T, state []byte) {
		m, err := metadata.Decode(eventv1.Encoding_ENCODING_PROTOBUF, state)
		var whole corev1.Pod
		if err == nil && whole.Unmarshal(state) == nil && m.UID != string(whole.UID) {
			t.Fatalf("uid %q, not %q", m.UID, whole.UID)
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	binary, err := example().Marshal()
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := metadata.Decode(eventv1.Encoding_ENCODING_PROTOBUF, binary); err != nil {
			b.Fatal(err)
		}
	}
}
