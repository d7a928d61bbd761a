package rest_test

import (
	"fmt"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestPagesAreOfOneMoment(t *testing.T) {
	t.Parallel()
	maps := serve(t).client(t, asProtobuf).CoreV1().ConfigMaps("ns")
	for i := range 10 {
		if _, err := maps.Create(t.Context(), configMap(fmt.Sprintf("m%d", i), nil), metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	page, err := maps.List(t.Context(), metav1.ListOptions{Limit: 4})
	if err != nil || len(page.Items) != 4 || page.RemainingItemCount == nil || *page.RemainingItemCount != 6 {
		t.Fatalf("%v %+v", err, page.ListMeta)
	}
	if err := maps.Delete(t.Context(), "m7", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := maps.Create(t.Context(), configMap("m55", nil), metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	version, names := page.ResourceVersion, ""
	for page.Continue != "" {
		if page, err = maps.List(t.Context(), metav1.ListOptions{Limit: 4, Continue: page.Continue}); err != nil {
			t.Fatal(err)
		}
		if page.ResourceVersion != version {
			t.Fatalf("a page of another moment: %s, not %s", page.ResourceVersion, version)
		}
		for _, m := range page.Items {
			names += m.Name + " "
		}
	}
	if names != "m4 m5 m6 m7 m8 m9 " {
		t.Fatalf("got %s", names)
	}
	exact, err := maps.List(t.Context(), metav1.ListOptions{ResourceVersion: version, ResourceVersionMatch: metav1.ResourceVersionMatchExact})
	if err != nil || len(exact.Items) != 10 {
		t.Fatalf("exact: %v, %d", err, len(exact.Items))
	}
	if _, err := maps.List(t.Context(), metav1.ListOptions{Continue: "nonsense"}); !apierrors.IsBadRequest(err) {
		t.Fatalf("nonsense: %v", err)
	}
}

func TestSelectors(t *testing.T) {
	t.Parallel()
	maps := serve(t).client(t, asJSON).CoreV1().ConfigMaps("ns")
	for i := range 6 {
		m := configMap(fmt.Sprintf("m%d", i), nil)
		m.Labels = map[string]string{"odd": fmt.Sprint(i%2 == 1)}
		if _, err := maps.Create(t.Context(), m, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		labels, fields string
		want           int
	}{
		{"odd=true", "", 3}, {"odd!=true", "", 3}, {"!odd", "", 0}, {"odd in (true,false)", "", 6},
		{"", "metadata.name=m1", 1}, {"odd=false", "metadata.name=m1", 0}, {"", "metadata.name!=m1", 5},
		{"", "metadata.namespace=ns", 6}, {"", "metadata.namespace=other", 0},
	} {
		got, err := maps.List(t.Context(), metav1.ListOptions{LabelSelector: c.labels, FieldSelector: c.fields})
		if err != nil || len(got.Items) != c.want {
			t.Errorf("%q %q: %v, %d items, want %d", c.labels, c.fields, err, len(got.Items), c.want)
		}
	}
	if _, err := maps.List(t.Context(), metav1.ListOptions{FieldSelector: "data.x=1"}); !apierrors.IsBadRequest(err) {
		t.Fatalf("unknown field: %v", err)
	}
}
