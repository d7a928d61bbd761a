package selection_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	klabels "k8s.io/apimachinery/pkg/labels"

	"taffrail.dev/events/subject"
	"taffrail.dev/services/selection"
)

func key(name string) subject.Object {
	return subject.Object{Resource: subject.Services, Namespace: "shop", Name: name}
}

func names(keys []subject.Object) []string {
	var out []string
	for _, k := range keys {
		out = append(out, k.Name)
	}
	return out
}

func TestJoinWakesSelectorsBeforeAndAfter(t *testing.T) {
	t.Parallel()
	j := selection.NewJoin()
	j.Put("shop", "p1", selection.LabelsOf(map[string]string{"app": "web", "tier": "front"}))
	j.Select(key("web"), selection.Exactly(map[string]string{"app": "web"}))
	j.Select(key("front"), selection.Exactly(map[string]string{"tier": "front"}))
	j.Select(key("none"), selection.Exactly(nil))
	if got := j.Members(key("web")); !slices.Equal(got, []string{"p1"}) {
		t.Fatalf("web selects %v", got)
	}
	if got := names(j.Put("shop", "p1", selection.LabelsOf(map[string]string{"app": "web", "tier": "back"}))); !slices.Equal(got, []string{"front", "web"}) {
		t.Fatalf("woke %v", got)
	}
	if got := j.Put("mall", "p1", selection.LabelsOf(map[string]string{"app": "web"})); got != nil {
		t.Fatalf("another namespace's pod woke %v", got)
	}
	if got := names(j.Drop("shop", "p1")); !slices.Equal(got, []string{"web"}) {
		t.Fatalf("a drop woke %v", got)
	}
	if got := j.Members(key("none")); got != nil {
		t.Fatalf("an empty selector selects %v", got)
	}
}

// TestJoinEqualsSearch compares the join with a search through everything.
func TestJoinEqualsSearch(t *testing.T) {
	t.Parallel()
	const seed = 7
	r := rand.New(rand.NewPCG(seed, seed))
	j := selection.NewJoin()
	objects, selectors := map[string]map[string]string{}, map[string]selection.Selector{}
	pick := func() map[string]string {
		return map[string]string{"a": fmt.Sprint(r.IntN(3)), "b": fmt.Sprint(r.IntN(2))}
	}
	for step := range 2000 {
		name := fmt.Sprint(r.IntN(12))
		switch r.IntN(5) {
		case 0, 1:
			objects[name] = pick()
			j.Put("shop", name, selection.LabelsOf(objects[name]))
		case 2:
			delete(objects, name)
			j.Drop("shop", name)
		case 3:
			want := pick()
			delete(want, []string{"a", "b", "c"}[r.IntN(3)])
			s, err := selection.Of(&metav1.LabelSelector{MatchLabels: want})
			if err != nil {
				t.Fatal(err)
			}
			selectors[name] = s
			j.Select(key(name), s)
		case 4:
			delete(selectors, name)
			j.Unselect(key(name))
		}
		for s, selector := range selectors {
			var want []string
			for o, labels := range objects {
				if selector.Matches(klabels.Set(labels)) {
					want = append(want, o)
				}
			}
			slices.Sort(want)
			if got := j.Members(key(s)); !slices.Equal(got, want) {
				t.Fatalf("seed %d step %d: selector %s has %v, not %v", seed, step, s, got, want)
			}
		}
	}
}
