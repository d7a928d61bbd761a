package footprint

import (
	"context"
	"errors"
	"flag"
	"runtime"
	"testing"

	"k8s.io/apimachinery/pkg/util/sets"

	"taffrail.dev/events/envelope"
	"taffrail.dev/events/fold"
	"taffrail.dev/events/journal"
	"taffrail.dev/events/subject"
	"taffrail.dev/gateway/kind"
	"taffrail.dev/gateway/view"
	"taffrail.dev/services/deployment"
	"taffrail.dev/services/dispatcher"
	"taffrail.dev/services/disruption"
	"taffrail.dev/services/endpoints"
	"taffrail.dev/services/garbage"
	"taffrail.dev/services/namespace"
	"taffrail.dev/services/nodelife"
	"taffrail.dev/services/replicaset"
	"taffrail.dev/services/scheduler"
)

var pods = flag.Int("pods", 10000, "pods that the benchmarks keep")

// holder is one who keeps all pods, and the most that a pod may take, in bytes: a fifth above what was measured.
type holder struct {
	name string
	most int
	// fold makes a fold of it; nil for the view.
	fold func() func(*fold.Event)
}

func holders() []holder {
	all := []subject.Resource{subject.Pods}
	return []holder{
		{"deployment", 260, func() func(*fold.Event) { s := deployment.New().State; return func(e *fold.Event) { s.Apply(e) } }},
		{"replicaset", 720, func() func(*fold.Event) { s := replicaset.New().State; return func(e *fold.Event) { s.Apply(e) } }},
		{"endpoints", 1000, func() func(*fold.Event) { s := endpoints.New().State; return func(e *fold.Event) { s.Apply(e) } }},
		{"disruption", 660, func() func(*fold.Event) { s := disruption.New().State; return func(e *fold.Event) { s.Apply(e) } }},
		{"nodelife", 1120, func() func(*fold.Event) {
			s := nodelife.New(nodelife.Config{}).State
			return func(e *fold.Event) { s.Apply(e) }
		}},
		{"namespace", 330, func() func(*fold.Event) { s := namespace.New(all).State; return func(e *fold.Event) { s.Apply(e) } }},
		{"garbage", 890, func() func(*fold.Event) { s := garbage.New(all).State; return func(e *fold.Event) { s.Apply(e) } }},
		{"scheduler", 680, func() func(*fold.Event) { s := scheduler.New(nil).State; return func(e *fold.Event) { s.Apply(e) } }},
		{"dispatcher", 3450, func() func(*fold.Event) { s := dispatcher.NewState(); return func(e *fold.Event) { s.Apply(e) } }},
	}
}

// together are all of them in one process, which share what an event is decoded as.
func together() func(*fold.Event) {
	var folds []func(*fold.Event)
	for _, h := range holders() {
		folds = append(folds, h.fold())
	}
	return func(e *fold.Event) {
		for _, apply := range folds {
			apply(e)
		}
	}
}

// heap is what is live.
func heap() uint64 {
	for range 3 { // pools let go at the second
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// perPod is what a fold keeps of each of n pods, in bytes.
func perPod(t testing.TB, n int, start func() func(*fold.Event)) int {
	before := heap()
	apply := start()
	for i := range n {
		m, err := message(i)
		if err != nil {
			t.Fatal(err)
		}
		e, err := envelope.Decode(m.Subject, m.Data)
		if err != nil {
			t.Fatal(err)
		}
		apply(&fold.Event{Event: e, Stream: subject.State, Sequence: m.Sequence})
	}
	after := heap()
	runtime.KeepAlive(apply)
	return (int(after) - int(before)) / n
}

// perPodInView is what a gateway's view keeps of each of n pods beside the recent events, and what it keeps once all have been asked
// for as objects and as JSON.
func perPodInView(t testing.TB, n int) (stored, asked int) {
	before := heap()
	kinds := kind.All(kind.Hooks{})
	v := view.New(view.Config{Kinds: kinds, Journals: map[subject.Stream]journal.Reader{
		subject.State: stream(n), subject.Leases: stream(0), subject.Events: stream(0),
	}})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- v.Run(ctx) }()
	if err := v.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	stored = (int(heap()) - int(before)) / n
	snapshot := v.Table(subject.Pods).Snapshot()
	seen := sets.New[string]()
	snapshot.Ascend("", "", func(e *view.Entry) bool {
		_, err := e.Object()
		if err == nil {
			_, err = e.JSON()
		}
		if err != nil {
			t.Error(err)
		}
		seen.Insert(e.Namespace())
		return true
	})
	if snapshot.Len() != n || len(seen) != (n+perNamespace-1)/perNamespace {
		t.Fatalf("%d pods in %d namespaces are there", snapshot.Len(), len(seen))
	}
	asked = (int(heap()) - int(before)) / n
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	runtime.KeepAlive(v)
	return stored, asked
}

// TestFootprint: nobody keeps more of a pod than it did.
func TestFootprint(t *testing.T) {
	t.Parallel()
	const n = 4000 // pods of 3.4 KB
	for _, h := range holders() {
		if got := perPod(t, n, h.fold); got > h.most {
			t.Errorf("%s keeps %d bytes of a pod, more than %d", h.name, got, h.most)
		}
	}
	if got := perPod(t, n, together); got > 6900 {
		t.Errorf("all services together keep %d bytes of a pod", got)
	}
	if stored, _ := perPodInView(t, n); stored > 4500 {
		t.Errorf("the view keeps %d bytes of a pod", stored)
	}
}

func BenchmarkFolds(b *testing.B) {
	for _, h := range append(holders(), holder{name: "together", fold: together}) {
		b.Run(h.name, func(b *testing.B) {
			for b.Loop() {
				b.ReportMetric(float64(perPod(b, *pods, h.fold)), "B/pod")
			}
		})
	}
}

func BenchmarkView(b *testing.B) {
	for b.Loop() {
		stored, asked := perPodInView(b, *pods)
		b.ReportMetric(float64(stored), "B/pod")
		b.ReportMetric(float64(asked), "B/pod-asked")
	}
}
