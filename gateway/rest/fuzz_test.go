package rest

import (
	"encoding/json"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"taffrail.dev/gateway/kind"
)

func fuzzCall(body []byte) *Call {
	return &Call{Body: body, served: &served{
		Kind: &kind.Kind{New: func() kind.Object { return &corev1.Pod{} }}, gvk: corev1.SchemeGroupVersion.WithKind("Pod"),
	}}
}

// A patch is refused, or makes a document that is JSON.
func FuzzPatch(f *testing.F) {
	f.Add([]byte(`[{"op":"replace","path":"/spec/nodeName","value":"a"}]`))
	f.Add([]byte(`{"spec":{"containers":[{"name":"a","$patch":"delete"}],"$setElementOrder/containers":[{"name":"b"}]}}`))
	f.Add([]byte(`{"metadata":{"labels":{"a":null}}}`))
	pod := []byte(`{"metadata":{"name":"p","labels":{"a":"b"}},"spec":{"containers":[{"name":"a"},{"name":"b"}]}}`)
	f.Fuzz(func(t *testing.T, body []byte) {
		c := fuzzCall(body)
		for name, patch := range map[string]func([]byte) ([]byte, error){"json": c.jsonPatch, "merge": c.mergePatch, "strategic": c.strategicPatch} {
			if out, err := patch(pod); err == nil && !json.Valid(out) {
				t.Errorf("%s: %q makes %q", name, body, out)
			}
		}
	})
}

// A body is refused or decoded, in each of its formats.
func FuzzBody(f *testing.F) {
	object := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "p"}}
	stored, err := object.Marshal()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(stored)
	f.Add(append([]byte(magic), stored...))
	f.Add([]byte("kind: Pod\napiVersion: v1\nmetadata: {name: p}\n"))
	f.Fuzz(func(_ *testing.T, body []byte) {
		_, _ = decodeProto(body, &corev1.Pod{})
		for _, m := range []media{mediaJSON, mediaYAML} {
			_, _ = fuzzCall(body).decodeText(m, &corev1.Pod{}, corev1.SchemeGroupVersion.WithKind("Pod"))
		}
	})
}

// What comes in a URL or a header is refused or understood; a token means what it says.
func FuzzRequestTexts(f *testing.F) {
	f.Add("/apis/apps/v1/namespaces/a/deployments/b/scale")
	f.Add("application/json;as=Table;v=v1;g=meta.k8s.io, */*")
	f.Add(token{APIVersion: "meta.k8s.io/v1", Version: 7, After: "a/b"}.String())
	f.Fuzz(func(t *testing.T, text string) {
		_, _ = parsePath(text)
		_, _ = parseAccept(text, false)
		_, _ = parseVersion(text)
		if k, err := parseToken(text); err == nil {
			if again, err := parseToken(k.String()); err != nil || again != k {
				t.Errorf("%q: %v becomes %v, %v", text, k, again, err)
			}
		}
	})
}
