package rest_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	typed "k8s.io/client-go/kubernetes/typed/core/v1"

	"taffrail.dev/gateway/kind"
	"taffrail.dev/gateway/view"
)

// next is the next event of a watch, as "ADDED a 1": type, name and data.v.
func next(t *testing.T, w watch.Interface) (string, *corev1.ConfigMap) {
	t.Helper()
	select {
	case e, ok := <-w.ResultChan():
		if !ok {
			t.Fatal("the watch ended")
		}
		c, ok := e.Object.(*corev1.ConfigMap)
		if !ok {
			t.Fatalf("%s %+v", e.Type, e.Object)
		}
		return fmt.Sprintf("%s %s %s", e.Type, c.Name, c.Data["v"]), c
	case <-time.After(10 * time.Second):
		t.Fatal("no event")
	}
	return "", nil
}

func expect(t *testing.T, w watch.Interface, want ...string) {
	t.Helper()
	for _, each := range want {
		if got, _ := next(t, w); got != each {
			t.Fatalf("got %q, want %q", got, each)
		}
	}
}

func set(t *testing.T, maps typed.ConfigMapInterface, name, patch string) {
	t.Helper()
	if _, err := maps.Patch(t.Context(), name, types.MergePatchType, []byte(patch), metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
}

func TestWatchFollowsASelection(t *testing.T) {
	t.Parallel()
	for _, format := range []string{asJSON, asProtobuf} {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			maps := serve(t).client(t, format).CoreV1().ConfigMaps("ns")
			w, err := maps.Watch(t.Context(), metav1.ListOptions{LabelSelector: "on=yes"})
			if err != nil {
				t.Fatal(err)
			}
			defer w.Stop()
			if _, err := maps.Create(t.Context(), configMap("a", map[string]string{"v": "1"}), metav1.CreateOptions{}); err != nil {
				t.Fatal(err)
			}
			set(t, maps, "a", `{"metadata":{"labels":{"on":"yes"}}}`)
			set(t, maps, "a", `{"data":{"v":"2"}}`)
			set(t, maps, "a", `{"metadata":{"labels":{"on":"no"}},"data":{"v":"3"}}`)
			set(t, maps, "a", `{"data":{"v":"4"}}`)
			set(t, maps, "a", `{"metadata":{"labels":{"on":"yes"}}}`)
			if err := maps.Delete(t.Context(), "a", metav1.DeleteOptions{}); err != nil {
				t.Fatal(err)
			}
			expect(t, w, "ADDED a 1", "MODIFIED a 2", "DELETED a 2", "ADDED a 4", "DELETED a 4")
		})
	}
}

func TestWatchResumesFromTheJournal(t *testing.T) {
	t.Parallel()
	w := serve(t)
	maps := w.client(t, asJSON).CoreV1().ConfigMaps("ns")
	if _, err := maps.Create(t.Context(), configMap("a", map[string]string{"v": "0"}), metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	start, err := maps.Get(t.Context(), "a", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for i := range 40 {
		set(t, maps, "a", fmt.Sprintf(`{"data":{"v":"%d"}}`, i+1))
		want = append(want, fmt.Sprintf("MODIFIED a %d", i+1))
	}
	// A second replica whose memory holds three events only.
	small := &world{Journals: w.Journals}
	kinds := kind.All(kind.Hooks{})
	small.View = view.New(view.Config{Kinds: kinds, Journals: w.readers(), RecentEvents: 3})
	small.start(t, kinds, nil)
	again := small.client(t, asProtobuf).CoreV1().ConfigMaps("ns")
	watcher, err := again.Watch(t.Context(), metav1.ListOptions{ResourceVersion: start.ResourceVersion})
	if err != nil {
		t.Fatal(err)
	}
	defer watcher.Stop()
	expect(t, watcher, want...)
	set(t, maps, "a", `{"data":{"v":"last"}}`)
	expect(t, watcher, "MODIFIED a last")
}

func TestWatchSendsInitialEvents(t *testing.T) {
	t.Parallel()
	maps := serve(t).client(t, asProtobuf).CoreV1().ConfigMaps("ns")
	for _, name := range []string{"a", "b"} {
		if _, err := maps.Create(t.Context(), configMap(name, nil), metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	yes := true
	w, err := maps.Watch(t.Context(), metav1.ListOptions{
		SendInitialEvents: &yes, AllowWatchBookmarks: true, ResourceVersionMatch: metav1.ResourceVersionMatchNotOlderThan,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Stop()
	expect(t, w, "ADDED a ", "ADDED b ")
	what, mark := next(t, w)
	if what != "BOOKMARK  " || mark.Annotations[metav1.InitialEventsAnnotationKey] != "true" || mark.ResourceVersion == "" {
		t.Fatalf("%s: %+v", what, mark.ObjectMeta)
	}
}

func TestManyWatchersSeeEveryEventOnceInOrder(t *testing.T) {
	t.Parallel()
	const watchers, writes = 20, 200
	maps := serve(t).client(t, asProtobuf).CoreV1().ConfigMaps("ns")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	results := make(chan error, watchers)
	for range watchers {
		w, err := maps.Watch(ctx, metav1.ListOptions{})
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			defer w.Stop()
			for i := range writes {
				e, ok := <-w.ResultChan()
				if c, is := e.Object.(*corev1.ConfigMap); !ok || !is || c.Name != fmt.Sprintf("m%d", i) {
					results <- fmt.Errorf("event %d is %v", i, e)
					return
				}
			}
			results <- nil
		}()
	}
	for i := range writes {
		if _, err := maps.Create(ctx, configMap(fmt.Sprintf("m%d", i), nil), metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	for range watchers {
		if err := <-results; err != nil {
			t.Fatal(err)
		}
	}
}
