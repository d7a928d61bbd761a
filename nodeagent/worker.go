package nodeagent

import (
	"context"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"taffrail.dev/nodeagent/pod"
	"taffrail.dev/nodeagent/report"
	"taffrail.dev/nodeagent/runtime"
	"taffrail.dev/nodeagent/volume"
	eventv1 "taffrail.dev/proto/gen/event/v1"
)

// soonest is how long a failed renewal of a token waits at least.
const soonest = 5 * time.Second

// cause is the assignment that something answers.
type cause struct{ sequence, correlation uint64 }

// worker drives one pod's machine. Its goroutine owns the machine; others send messages.
type worker struct {
	a         *Agent
	uid       types.UID
	namespace string
	state     *pod.State
	cause     cause
	adopt     []runtime.Info
	sandbox   runtime.Sandbox
	detail    *eventv1.Container
	told      corev1.PodStatus
	refresh   time.Time

	// inbox has room for one: it says that waiting isn't empty.
	inbox chan struct{}

	mu      sync.Mutex // guards what follows
	waiting []message
	view    view
}

// view is what others see of a pod.
type view struct {
	pod     *corev1.Pod
	sandbox runtime.Sandbox
	cause   cause
	// ids and previous are the containers by name; ended, by id, is closed when one has ended.
	ids, previous map[string]string
	ended         map[string]chan struct{}
}

// message is one thing that a worker is told.
type message struct {
	pod     *corev1.Pod
	removed bool
	objects bool
	updated bool
	evict   string // why, "" for no
	cause   cause
	exit    *runtime.Exit
	action  *pod.Action
	result  pod.Result
	sandbox *runtime.Sandbox
}

func (a *Agent) newWorker(p *corev1.Pod, c cause) *worker {
	now := time.Now()
	p = a.recall(p)
	w := &worker{a: a, uid: p.UID, namespace: p.Namespace, cause: c, inbox: make(chan struct{}, 1), state: pod.New(p, a.cfg.hostIPs(), now)}
	w.view = view{pod: p, ended: map[string]chan struct{}{}}
	return w
}

// send never blocks.
func (w *worker) send(m message) {
	w.mu.Lock()
	w.waiting = append(w.waiting, m)
	w.mu.Unlock()
	select {
	case w.inbox <- struct{}{}:
	default:
	}
}

// run drives the pod until it is gone or ctx ends.
func (w *worker) run(ctx context.Context) {
	var doing sync.WaitGroup
	defer doing.Wait()
	w.takeOver()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-w.inbox:
		case <-timer.C:
		}
		w.mu.Lock()
		messages := w.waiting
		w.waiting = nil
		w.mu.Unlock()
		for _, m := range messages {
			w.take(m)
		}
		now := time.Now()
		actions, wake := w.state.Next(now)
		w.tell(now) // before the actions begin: they read what it shows
		for _, action := range actions {
			doing.Go(func() {
				result, sandbox := w.do(ctx, action)
				w.send(message{action: &action, result: result, sandbox: sandbox})
			})
		}
		if w.state.Gone() {
			w.a.forget(w)
			return
		}
		if !w.refresh.IsZero() && !w.refresh.After(now) {
			w.refresh = time.Time{}
			doing.Go(func() { w.update(ctx) })
		}
		if !w.refresh.IsZero() && (wake.IsZero() || w.refresh.Before(wake)) {
			wake = w.refresh
		}
		if wake.IsZero() {
			wake = now.Add(time.Hour)
		}
		timer.Reset(max(time.Until(wake), 0))
	}
}

func (w *worker) take(m message) {
	now := time.Now()
	if m.cause.sequence != 0 {
		w.cause = m.cause
	}
	switch {
	case m.pod != nil:
		was := w.state.Pod
		w.state.Want(m.pod, now)
		if !maps.Equal(was.Labels, m.pod.Labels) || !maps.Equal(was.Annotations, m.pod.Annotations) {
			w.refresh = now // files that tell of the pod follow it
		}
	case m.removed:
		w.state.Remove(now)
	case m.objects:
		w.state.Retry()
		w.refresh = now // files made of objects follow them
	case m.updated:
		if w.refresh = w.a.volumes.Renewal(string(w.uid)); !w.refresh.IsZero() && w.refresh.Before(now.Add(soonest)) {
			w.refresh = now.Add(soonest)
		}
	case m.evict != "":
		w.state.Evict(m.evict)
	case m.exit != nil:
		w.exit(*m.exit, now)
	case m.action != nil:
		if m.sandbox != nil {
			w.sandbox = *m.sandbox
		}
		w.state.Done(*m.action, m.result, now)
		switch m.action.Verb {
		case pod.Start:
			if m.result.Err == "" {
				w.detail = &eventv1.Container{Name: m.action.Container, Transition: "started"}
			}
		case pod.Probe:
			if m.result.Err != "" {
				w.detail = &eventv1.Container{Name: m.action.Container, Transition: "probe failed", Probe: string(m.action.Probe), Output: m.result.Err}
			}
		case pod.Mount:
			w.refresh = w.a.volumes.Renewal(string(w.uid))
		}
	}
}

func (w *worker) exit(e runtime.Exit, now time.Time) {
	name, attempt, ok := w.state.Of(e.ID)
	if !ok {
		return
	}
	w.state.Exit(pod.Exit{ID: e.ID, Code: int32(e.Code), Signal: int32(e.Signal), OOM: e.OOM, At: e.At,
		Message: w.a.lastWords(w.state.Pod, w.state.Spec(name), attempt, e)}, now)
	w.detail = &eventv1.Container{Name: name, Transition: "exited", ExitCode: int32(e.Code)}
}

// tell reports events and a changed status, and shows others the new view.
func (w *worker) tell(now time.Time) {
	for _, e := range w.state.Events() {
		w.a.events.Tell(report.Event{About: reference(w.state.Pod, e.Container), Type: e.Type, Reason: e.Reason, Message: e.Message, At: now,
			Sequence: w.cause.sequence, Correlation: w.cause.correlation})
	}
	status := w.state.Status(now)
	changed := !reflect.DeepEqual(status, w.told)
	if changed && !w.state.Removed {
		w.told = status
		w.a.remember(w.uid, &status)
		reason := string(status.Phase)
		if w.detail != nil {
			reason = w.detail.GetName() + " " + w.detail.GetTransition()
		}
		w.a.statuses.Tell(report.Status{Pod: w.state.Pod, Status: status, Sequence: w.cause.sequence, Correlation: w.cause.correlation,
			Reason: reason, Detail: w.detail})
	}
	w.detail = nil
	w.show(status)
}

func (w *worker) show(status corev1.PodStatus) {
	p := *w.state.Pod
	p.Status = status
	v := view{pod: &p, sandbox: w.sandbox, cause: w.cause, ids: map[string]string{}, previous: map[string]string{}, ended: map[string]chan struct{}{}}
	names := func(list []corev1.ContainerStatus) {
		for _, c := range list {
			if id, ok := w.state.ContainerID(c.Name, false); ok {
				v.ids[c.Name] = id
				ended := w.view.ended[id]
				if ended == nil {
					ended = make(chan struct{})
				}
				v.ended[id] = ended
				if !w.state.Running(c.Name) && c.State.Terminated != nil {
					select {
					case <-ended:
					default:
						close(ended)
					}
				}
			}
			if id, ok := w.state.ContainerID(c.Name, true); ok {
				v.previous[c.Name] = id
			}
		}
	}
	names(status.ContainerStatuses)
	names(status.InitContainerStatuses)
	names(status.EphemeralContainerStatuses)
	w.mu.Lock()
	defer w.mu.Unlock()
	for id, ended := range w.view.ended {
		if v.ended[id] != nil {
			continue
		}
		select {
		case <-ended:
		default:
			close(ended)
		}
	}
	w.view = v
}

// reference is what an event about the pod, or one of its containers, points at.
func reference(p *corev1.Pod, container string) corev1.ObjectReference {
	ref := corev1.ObjectReference{Kind: "Pod", APIVersion: "v1", Namespace: p.Namespace, Name: p.Name, UID: p.UID, ResourceVersion: p.ResourceVersion}
	if container != "" {
		field := "containers"
		if slices.ContainsFunc(p.Spec.InitContainers, func(c corev1.Container) bool { return c.Name == container }) {
			field = "initContainers"
		} else if slices.ContainsFunc(p.Spec.EphemeralContainers, func(c corev1.EphemeralContainer) bool { return c.Name == container }) {
			field = "ephemeralContainers"
		}
		ref.FieldPath = "spec." + field + "{" + container + "}"
	}
	return ref
}

// update brings files made of objects up to date, and renews tokens.
func (w *worker) update(ctx context.Context) {
	p := w.snapshot()
	if !volume.Dynamic(p) {
		return
	}
	if err := w.a.volumes.Setup(ctx, w.a.downward(p)); err != nil && ctx.Err() == nil {
		w.a.cfg.Log.Debug("updating volumes failed", zap.String("pod", p.Namespace+"/"+p.Name), zap.Error(err))
	}
	w.send(message{updated: true})
}

// takeOver gives the machine what an earlier agent left of the pod.
func (w *worker) takeOver() {
	if netns, ok := w.a.sandboxLeft(w.state.Pod); ok {
		var ips []string
		for _, ip := range w.state.Pod.Status.PodIPs {
			ips = append(ips, ip.IP)
		}
		w.sandbox = netns
		w.state.AdoptSandbox(ips)
	}
	slices.SortFunc(w.adopt, func(a, b runtime.Info) int {
		if c := strings.Compare(a.Name, b.Name); c != 0 {
			return c
		}
		return int(a.Attempt - b.Attempt)
	})
	var list []pod.Adopted
	for _, i := range w.adopt {
		spec := w.state.Spec(i.Name)
		if spec == nil {
			continue
		}
		exit := pod.Exit{ID: i.ID, Code: int32(i.Exit.Code), Signal: int32(i.Exit.Signal), OOM: i.Exit.OOM, At: i.Exit.At}
		if i.State == runtime.Exited {
			exit.Message = w.a.lastWords(w.state.Pod, spec, i.Attempt, i.Exit)
		}
		list = append(list, pod.Adopted{Name: i.Name, ID: i.ID, ImageID: i.ImageID, Attempt: i.Attempt, Created: i.State == runtime.Created,
			Running: i.State == runtime.Running, StartedAt: i.StartedAt, Exit: exit})
	}
	w.adopt = nil
	w.state.Adopt(list, time.Now())
}

func (a *Agent) forget(w *worker) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.workers, w.uid)
	k := key{w.namespace, w.state.Pod.Name}
	if a.byName[k] == w.uid {
		delete(a.byName, k)
	}
	a.statuses.Forget(w.uid)
}
