package crd

import (
	"encoding/json"
	"strings"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"taffrail.dev/gateway/kind"
)

func custom(t *testing.T, text string) *kind.Custom {
	t.Helper()
	obj := &kind.Custom{}
	if err := obj.Unmarshal([]byte(text)); err != nil {
		t.Fatal(err)
	}
	return obj
}

// TestRestore is of what a conversion may change of an object's metadata: labels and annotations.
func TestRestore(t *testing.T) {
	t.Parallel()
	const was = `{"apiVersion":"g/v1","kind":"K","metadata":{"name":"n","uid":"u","finalizers":["f"],"labels":{"a":"b"},"annotations":{"x":"y"}}}`
	for answered, want := range map[string]string{
		`{"metadata":{"name":"n","uid":"u","labels":{"a":"c"}}}`: `{"finalizers":["f"],"labels":{"a":"c"},"name":"n","uid":"u"}`,
		`{"metadata":{"name":"n","uid":"u","finalizers":[]}}`:    `{"finalizers":["f"],"name":"n","uid":"u"}`,
		`{}`:                                    "missing metadata in converted object",
		`{"metadata":[]}`:                       "invalid metadata of type []interface {} in converted object",
		`{"metadata":{"labels":{"a":1}}}`:       "metadata.labels[a] must be a string, but is int64 in converted object",
		`{"metadata":{"labels":[]}}`:            "invalid metadata.labels of type []interface {} in converted object",
		`{"metadata":{"labels":{"a b":"c"}}}`:   "metadata.labels: Invalid value",
		`{"metadata":{"annotations":{"/":""}}}`: "metadata.annotations: Invalid value",
	} {
		out := custom(t, answered)
		err := restore(custom(t, was), out)
		got, _ := json.Marshal(out.Object["metadata"])
		if err == nil && string(got) != want || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %s, %v\nwant %s", answered, got, err, want)
		}
	}
	if err := sameObject(custom(t, was), custom(t, strings.Replace(was, `"u"`, `"w"`, 1))); err == nil || err.Error() != "must have the same UID: u != w" {
		t.Errorf("another uid: %v", err)
	}
}

// FuzzAnswer reads whatever a webhook may answer.
func FuzzAnswer(f *testing.F) {
	f.Add([]byte(`{"apiVersion":"apiextensions.k8s.io/v1","kind":"ConversionReview","response":{"uid":"u","result":{"status":"Success"},"convertedObjects":[{"apiVersion":"g/v1","kind":"K","metadata":{}}]}}`))
	f.Add([]byte(`{"response":{"result":{"status":"Failure"}}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		var answer apiextensionsv1.ConversionReview
		if json.Unmarshal(body, &answer) != nil {
			return
		}
		review := &apiextensionsv1.ConversionReview{
			TypeMeta: metav1.TypeMeta{APIVersion: "apiextensions.k8s.io/v1", Kind: "ConversionReview"}, Request: &apiextensionsv1.ConversionRequest{UID: "u"},
		}
		objects, err := answerOf(&answer, review)
		if err == nil && (answer.Response.UID != "u" || answer.Response.Result.Status != metav1.StatusSuccess) {
			t.Fatalf("%s was taken", body)
		}
		for _, raw := range objects {
			obj := &kind.Custom{}
			if obj.Unmarshal(raw.Raw) == nil {
				_ = restore(kind.NewCustom(obj.GroupVersionKind()), obj)
			}
		}
	})
}
