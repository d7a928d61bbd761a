package rest_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"testing"
)

// TestLongListsAreShapedAlike: what is streamed is what a list made at once is.
func TestLongListsAreShapedAlike(t *testing.T) {
	t.Parallel()
	w := serve(t)
	const maps = "/api/v1/namespaces/ns/configmaps"
	for i := range 501 {
		body := fmt.Sprintf(`{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"map-%d","annotations":{"app":"a<b"}},"data":{"k":"<v>"}}`, i)
		if answer, text := w.raw(t, "POST", maps, asJSON, asJSON, body); answer.StatusCode != 201 {
			t.Fatalf("create %d: %d %s", i, answer.StatusCode, text)
		}
	}
	ages := regexp.MustCompile(`"\d+s"`)
	for _, accept := range []string{"application/json;as=Table;v=v1;g=meta.k8s.io", "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"} {
		for _, include := range []string{"Metadata", "Object", "None"} {
			streamed, text := w.raw(t, "GET", maps+"?includeObject="+include, "", accept, "")
			whole, indented := w.raw(t, "GET", maps+"?pretty=true&includeObject="+include, "", accept, "")
			if streamed.StatusCode != 200 || whole.StatusCode != 200 {
				t.Fatalf("%s: %d and %d", accept, streamed.StatusCode, whole.StatusCode)
			}
			var compact bytes.Buffer
			if err := json.Compact(&compact, []byte(indented)); err != nil {
				t.Fatal(err)
			}
			got, want := ages.ReplaceAllString(text, "age"), ages.ReplaceAllString(compact.String(), "age")+"\n"
			if got != want {
				t.Errorf("%s of %s: %d bytes are streamed, not the %d of the whole", accept, include, len(got), len(want))
			}
		}
	}
}
