package dispatcher_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"taffrail.dev/events/envelope"
	"taffrail.dev/events/fold"
	"taffrail.dev/events/journal"
	"taffrail.dev/events/process"
	"taffrail.dev/events/subject"
	eventv1 "taffrail.dev/proto/gen/event/v1"
	nodev1 "taffrail.dev/proto/gen/node/v1"
	"taffrail.dev/services/dispatcher"
)

// volatile is a stream that can be lost, and that can refuse.
type volatile struct {
	mu      sync.Mutex
	current *journal.Memory
	refuse  int
}

func (v *volatile) now() *journal.Memory {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.current
}

func (v *volatile) lose() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.current = journal.NewMemory(nil)
}

func (v *volatile) Append(ctx context.Context, r ...journal.Record) ([]uint64, error) {
	v.mu.Lock()
	refuse := v.refuse > 0
	v.refuse--
	v.mu.Unlock()
	if refuse {
		return nil, errors.New("the stream is away")
	}
	return v.now().Append(ctx, r...)
}
func (v *volatile) Last(ctx context.Context) (uint64, error) { return v.now().Last(ctx) }
func (v *volatile) Get(ctx context.Context, s uint64) (journal.Message, error) {
	return v.now().Get(ctx, s)
}
func (v *volatile) GetLast(ctx context.Context, s string) (journal.Message, error) {
	return v.now().GetLast(ctx, s)
}
func (v *volatile) Read(ctx context.Context, from uint64, filters []string, fn func([]journal.Message, uint64) error) error {
	return v.now().Read(ctx, from, filters, fn)
}

// rig is a dispatcher over journals in memory.
type rig struct {
	t      *testing.T
	state  *journal.Memory
	assign *volatile
	stop   context.CancelFunc
	done   chan error
	epochs int
}

func newRig(t *testing.T) *rig {
	r := &rig{t: t, state: journal.NewMemory(nil), assign: &volatile{current: journal.NewMemory(nil)}}
	t.Cleanup(func() { r.kill() })
	return r
}

func (r *rig) start() {
	ctx, cancel := context.WithCancel(context.Background())
	r.stop, r.done = cancel, make(chan error, 2)
	feed := fold.NewFeed(fold.FeedConfig{Streams: map[subject.Stream]journal.Reader{subject.State: r.state}})
	r.epochs++
	begun, n := r.epochs, 0
	epoch := func() string { n++; return fmt.Sprintf("%d.%d", begun, n) }
	d := dispatcher.New(process.Deps{Source: feed}, r.assign, epoch)
	go func() { r.done <- feed.Run(ctx) }()
	go func() { r.done <- d.Run(ctx) }()
}

func (r *rig) kill() {
	if r.stop == nil {
		return
	}
	r.stop()
	<-r.done
	<-r.done
	r.stop = nil
}

type object interface {
	Marshal() ([]byte, error)
	metav1.Object
}

func (r *rig) put(resource subject.Resource, o object, what eventv1.What) uint64 {
	r.t.Helper()
	state, err := o.Marshal()
	if err != nil {
		r.t.Fatal(err)
	}
	data, err := envelope.Encode(&eventv1.Event{
		Id: fmt.Sprintf("%s-%s-%d", o.GetName(), what, time.Now().UnixNano()), What: what, State: state, Encoding: eventv1.Encoding_ENCODING_PROTOBUF, Object: &eventv1.ObjectRef{
			Group: resource.Group, Resource: resource.Name, Namespace: o.GetNamespace(), Name: o.GetName(),
		},
	})
	if err != nil {
		r.t.Fatal(err)
	}
	key := subject.Object{Resource: resource, Namespace: o.GetNamespace(), Name: o.GetName()}
	sequences, err := r.state.Append(context.Background(), journal.Record{Subject: key.Subject(), Expect: journal.Any, Data: data})
	if err != nil {
		r.t.Fatal(err)
	}
	return sequences[0]
}

// await waits until the stream holds exactly what is wanted: subject to text.
func (r *rig) await(want map[string]string) {
	r.t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for {
		got := r.held()
		if fmt.Sprint(got) == fmt.Sprint(want) {
			return
		}
		if time.Now().After(deadline) {
			r.t.Fatalf("ASSIGN holds\n%v\nnot\n%v", got, want)
		}
		wait, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
		last, _ := r.assign.Last(wait)
		_ = r.assign.Read(wait, last+1, nil, func([]journal.Message, uint64) error { return context.Canceled })
		cancel()
	}
}

func (r *rig) held() map[string]string {
	out := map[string]string{}
	last, _ := r.assign.Last(context.Background())
	for s := uint64(1); s <= last; s++ {
		m, err := r.assign.Get(context.Background(), s)
		if err != nil {
			continue
		}
		a, err := subject.ParseAssignment(m.Subject)
		if err != nil {
			r.t.Fatal(err)
		}
		name := a.Node + " " + a.Object.String()
		if a.Mark {
			var mark nodev1.Mark
			if err := proto.Unmarshal(m.Data, &mark); err != nil {
				r.t.Fatal(err)
			}
			out[a.Node+" mark"] = mark.GetEpoch()
			continue
		}
		var told nodev1.Assignment
		if err := proto.Unmarshal(m.Data, &told); err != nil {
			r.t.Fatal(err)
		}
		out[name] = fmt.Sprint(told.GetSequence())
		if told.GetRemoved() {
			out[name] += " removed"
		}
	}
	return out
}

func pod(name, node string, change func(*corev1.Pod)) *corev1.Pod {
	p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name}}
	p.Spec.NodeName = node
	p.Spec.Containers = []corev1.Container{{Name: "c", EnvFrom: []corev1.EnvFromSource{{
		ConfigMapRef: &corev1.ConfigMapEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: "settings"}},
	}}}}
	if change != nil {
		change(p)
	}
	return p
}

func config(name, value string) *corev1.ConfigMap {
	return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name}, Data: map[string]string{"k": value}}
}

func node(name string) *corev1.Node { return &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}} }

const (
	created = eventv1.What_CREATED
	changed = eventv1.What_SPEC_CHANGED
	deleted = eventv1.What_DELETED
)

func TestLifeOfAPod(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.put(subject.Nodes, node("a"), created)                                                    // 1
	r.put(subject.ConfigMaps, config("settings", "1"), created)                                 // 2
	r.put(subject.ConfigMaps, config("unused", "1"), created)                                   // 3
	r.put(subject.Services, &corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: "s"}}, created) // 4
	r.start()
	want := map[string]string{" nodes/a": "1", " services/s": "4", " mark": "1.1", "a mark": "1.1"}
	r.await(want)

	r.put(subject.Pods, pod("web", "", nil), created)  // 5: nobody's yet
	r.put(subject.Pods, pod("web", "a", nil), changed) // 6
	want["a pods/shop/web"], want["a configmaps/shop/settings"] = "6", "2"
	r.await(want)

	// The agent's own words are not repeated to it, others' are.
	r.put(subject.Pods, pod("web", "a", func(p *corev1.Pod) { p.Status.Phase = corev1.PodRunning }), changed) // 7
	r.put(subject.ConfigMaps, config("settings", "2"), changed)                                               // 8
	want["a configmaps/shop/settings"] = "8"
	r.await(want)
	r.put(subject.Pods, pod("web", "a", func(p *corev1.Pod) {
		p.Status.Conditions = []corev1.PodCondition{{Type: "Gate", Status: "True"}}
	}), changed) // 9
	want["a pods/shop/web"] = "9"
	r.await(want)

	// A second pod shares the configuration; it stays until both are gone.
	r.put(subject.Pods, pod("two", "a", nil), created) // 10
	r.put(subject.Pods, pod("web", "a", nil), deleted) // 11
	want["a pods/shop/web"], want["a pods/shop/two"] = "11 removed", "10"
	r.await(want)
	r.put(subject.Pods, pod("two", "a", nil), deleted) // 12
	want["a pods/shop/two"], want["a configmaps/shop/settings"] = "12 removed", "8 removed"
	r.await(want)
	// The name comes back.
	r.put(subject.Pods, pod("web", "a", nil), created) // 13
	want["a pods/shop/web"], want["a configmaps/shop/settings"] = "13", "8"
	r.await(want)
	// A configuration that goes while named.
	r.put(subject.ConfigMaps, config("settings", "2"), deleted) // 14
	want["a configmaps/shop/settings"] = "14 removed"
	r.await(want)
}

func TestRestartAndLoss(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.put(subject.Nodes, node("a"), created)
	r.put(subject.ConfigMaps, config("settings", "1"), created)
	r.put(subject.Pods, pod("web", "a", nil), created)
	r.put(subject.Pods, pod("old", "a", nil), created)
	r.start()
	want := map[string]string{
		" nodes/a": "1", "a configmaps/shop/settings": "2", "a pods/shop/web": "3", "a pods/shop/old": "4", " mark": "1.1", "a mark": "1.1",
	}
	r.await(want)

	// While it is down a pod goes and a node comes; nothing else is told twice.
	r.kill()
	before, _ := r.assign.Last(context.Background())
	r.put(subject.Pods, pod("old", "a", nil), deleted)
	r.put(subject.Nodes, node("b"), created)
	r.start()
	want["a pods/shop/old"], want[" nodes/b"] = "4 removed", "6"
	want[" mark"], want["a mark"], want["b mark"] = "2.1", "2.1", "2.1"
	r.await(want)
	// The fence, a removal, a node, three marks.
	if after, _ := r.assign.Last(context.Background()); after != before+6 {
		t.Errorf("%d messages after the restart, not 6", after-before)
	}

	// The stream is lost: all is stated anew, and nothing of what was removed.
	r.assign.lose()
	delete(want, "a pods/shop/old")
	want[" mark"], want["a mark"], want["b mark"] = "2.2", "2.2", "2.2"
	r.await(want)

	// It is away for a while, and another writer was faster on one subject.
	r.assign.mu.Lock()
	r.assign.refuse = 2
	r.assign.mu.Unlock()
	key := subject.Assignment{Node: "a", Object: subject.Object{Resource: subject.Pods, Namespace: "shop", Name: "web"}}
	stale, _ := proto.Marshal(&nodev1.Assignment{Sequence: 1})
	if _, err := r.assign.now().Append(context.Background(), journal.Record{Subject: key.Subject(), Expect: journal.Any, Data: stale}); err != nil {
		t.Fatal(err)
	}
	r.put(subject.Pods, pod("web", "a", func(p *corev1.Pod) { p.Labels = map[string]string{"a": "b"} }), changed)
	want["a pods/shop/web"] = "7"
	r.await(want)
}
