package webhook

import (
	"testing"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	registrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"taffrail.dev/gateway/admission/matching"
	"taffrail.dev/gateway/kind"
)

// FuzzAnswer has a webhook answer anything: it is an error or an object of the same name.
func FuzzAnswer(f *testing.F) {
	f.Add([]byte(`{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","response":{"uid":"u","allowed":true,"patchType":"JSONPatch","patch":"W3sib3AiOiJhZGQiLCJwYXRoIjoiL2RhdGEveCIsInZhbHVlIjoieSJ9XQ=="}}`))
	f.Add([]byte(`{"response":{}}`))
	f.Add([]byte(`[{"op":"add","path":"/data"}]`))
	f.Add([]byte(`[{"op":"copy","from":"/metadata","path":"/metadata/labels"},{"op":"remove","path":"/metadata/name"}]`))
	var configMaps *kind.Kind
	for _, k := range kind.All(kind.Hooks{}) {
		if k.Resource == "configmaps" {
			configMaps = k
		}
	}
	f.Fuzz(func(t *testing.T, answer []byte) {
		patch := answer
		if r, err := decode(answer, "v1", "u", true); err == nil {
			patch = r.Patch
		}
		operations, err := jsonpatch.DecodePatch(patch)
		if err != nil {
			return
		}
		obj := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "a"}, Data: map[string]string{"a": "b"}}
		q := &kind.Request{Kind: configMaps, Namespace: "shop", Name: "a"}
		a := matching.New(q, registrationv1.Create, obj, nil)
		if _, err := apply(&hook{name: "x"}, a, operations); err == nil && (obj.Name != "a" || obj.Namespace != "shop") {
			t.Errorf("it became %s/%s", obj.Namespace, obj.Name)
		}
	})
}
