package report

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/strategicpatch"

	"taffrail.dev/events/command"
	"taffrail.dev/events/errs"
	"taffrail.dev/events/process"
	"taffrail.dev/events/subject"
	commandv1 "taffrail.dev/proto/gen/command/v1"
	eventv1 "taffrail.dev/proto/gen/event/v1"
)

// parallel bounds the statuses under way at once.
const parallel = 32

// Status is what is to be told of one pod.
type Status struct {
	// Pod as assigned; its status is what the gateway is known to have.
	Pod    *corev1.Pod
	Status corev1.PodStatus
	// Sequence and Correlation are of the assignment, the cause of what happened.
	Sequence, Correlation uint64
	Reason                string
	// Detail is what a container went through; nil for none.
	Detail *eventv1.Container
}

// Pods tells pods' statuses: of each pod the newest only, one at a time.
type Pods struct {
	commands process.Commander
	log      *zap.Logger

	mu sync.Mutex
	// waiting has the newest status of each pod that is not told yet, in order of queue.
	waiting map[types.UID]Status
	queue   []types.UID
	busy    map[types.UID]bool
	// told is what the gateway has, of pods that were told of.
	told map[types.UID]*corev1.PodStatus
	wake chan struct{}
}

// NewPods makes the report of pods; Run runs it.
func NewPods(commands process.Commander, log *zap.Logger) *Pods {
	return &Pods{
		commands: commands, log: log, wake: make(chan struct{}, 1),
		waiting: map[types.UID]Status{}, busy: map[types.UID]bool{}, told: map[types.UID]*corev1.PodStatus{},
	}
}

// Tell has a status told soon; it replaces one of the same pod that still waits. It never blocks.
func (p *Pods) Tell(s Status) {
	p.mu.Lock()
	defer p.mu.Unlock()
	uid := s.Pod.UID
	if _, ok := p.waiting[uid]; !ok {
		p.queue = append(p.queue, uid)
	}
	p.waiting[uid] = s
	p.signal()
}

// Forget drops what is known of a pod that is gone.
func (p *Pods) Forget(uid types.UID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.told, uid)
	delete(p.waiting, uid)
}

// signal wakes Run; mu is held.
func (p *Pods) signal() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// Run tells statuses until ctx ends.
func (p *Pods) Run(ctx context.Context) error {
	var under sync.WaitGroup
	defer under.Wait()
	slots := make(chan struct{}, parallel)
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-p.wake:
		}
		for {
			s, ok := p.take()
			if !ok {
				break
			}
			select {
			case slots <- struct{}{}:
			case <-ctx.Done():
				return ctx.Err()
			}
			under.Go(func() {
				p.deliver(ctx, s)
				<-slots
				p.done(s.Pod.UID)
			})
		}
	}
}

// take is the next status whose pod has none under way.
func (p *Pods) take() (Status, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := 0; i < len(p.queue); {
		uid := p.queue[i]
		s, ok := p.waiting[uid]
		if ok && p.busy[uid] {
			i++
			continue
		}
		p.queue = slices.Delete(p.queue, i, i+1)
		if ok {
			delete(p.waiting, uid)
			p.busy[uid] = true
			return s, true
		}
	}
	return Status{}, false
}

func (p *Pods) done(uid types.UID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.busy, uid)
	if len(p.queue) > 0 {
		p.signal()
	}
}

// deliver sends a status until it is taken, refused for good, or replaced by a newer
// one.
func (p *Pods) deliver(ctx context.Context, s Status) {
	retry := backoff{}
	for {
		err := p.send(ctx, s)
		switch {
		case err == nil, ctx.Err() != nil:
			return
		case errs.Is(err, errs.NotFound), errs.Is(err, errs.Conflict): // the pod is gone, or another of its name
			return
		case errs.Is(err, errs.Invalid), errs.Is(err, errs.BadRequest):
			p.log.Error("pod status refused", zap.String("pod", s.Pod.Namespace+"/"+s.Pod.Name), zap.Error(err))
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(retry.next()):
		}
		p.mu.Lock()
		newer, ok := p.waiting[s.Pod.UID]
		if ok {
			delete(p.waiting, s.Pod.UID)
			s = newer
		}
		p.mu.Unlock()
	}
}

func (p *Pods) send(ctx context.Context, s Status) error {
	p.mu.Lock()
	before := p.told[s.Pod.UID]
	p.mu.Unlock()
	if before == nil {
		before = &s.Pod.Status
	}
	c, err := statusCommand(s, before)
	if c == nil || err != nil {
		return err
	}
	if _, err := p.commands.Do(ctx, c); err != nil {
		return err
	}
	p.mu.Lock()
	p.told[s.Pod.UID] = &s.Status
	p.mu.Unlock()
	return nil
}

// statusCommand patches what differs from before; nil if nothing does.
func statusCommand(s Status, before *corev1.PodStatus) (*commandv1.Command, error) {
	if equality.Semantic.DeepEqual(*before, s.Status) {
		return nil, nil
	}
	patch, err := statusPatch(s.Pod, before, &s.Status)
	if err != nil {
		return nil, fmt.Errorf("status of pod %s/%s: %w", s.Pod.Namespace, s.Pod.Name, err)
	}
	key := subject.Object{Resource: subject.Pods, Namespace: s.Pod.Namespace, Name: s.Pod.Name}
	c := command.Patch(key, "status", command.StrategicPatch, patch, s.Reason)
	c.ExpectedUid, c.Cause, c.Correlation = string(s.Pod.UID), s.Sequence, s.Correlation
	if s.Detail != nil {
		c.Detail = &commandv1.Command_Container{Container: s.Detail}
	}
	return c, nil
}

// statusPatch is the strategic merge patch between two statuses: conditions of others
// stay, what is gone is removed.
func statusPatch(pod *corev1.Pod, before, after *corev1.PodStatus) ([]byte, error) {
	meta := metav1.ObjectMeta{UID: pod.UID}
	from, err := json.Marshal(&corev1.Pod{ObjectMeta: meta, Status: *before})
	if err != nil {
		return nil, err
	}
	to, err := json.Marshal(&corev1.Pod{ObjectMeta: meta, Status: *after})
	if err != nil {
		return nil, err
	}
	return strategicpatch.CreateTwoWayMergePatch(from, to, corev1.Pod{})
}
