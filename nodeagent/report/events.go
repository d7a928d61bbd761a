package report

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"strconv"
	"time"

	"go.uber.org/zap"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"taffrail.dev/events/command"
	"taffrail.dev/events/errs"
	"taffrail.dev/events/process"
	"taffrail.dev/events/subject"
)

// Bounds of what waits to be told and of what is remembered to count repeats.
const (
	eventQueue  = 1024
	eventMemory = 4096
	maxMessage  = 1024
)

// Event is something for people to read about an object.
type Event struct {
	About                 corev1.ObjectReference
	Type, Reason, Message string
	At                    time.Time
	// Sequence and Correlation are of the assignment it comes of.
	Sequence, Correlation uint64
}

// Events tells Events, repeats of one counted on one object.
type Events struct {
	node     string
	commands process.Commander
	log      *zap.Logger
	queue    chan Event
	// counts belongs to Run.
	counts map[subject.Object]int32
}

// NewEvents makes the teller of a node's Events; Run runs it.
func NewEvents(node string, commands process.Commander, log *zap.Logger) *Events {
	return &Events{node: node, commands: commands, log: log, queue: make(chan Event, eventQueue), counts: map[subject.Object]int32{}}
}

// Tell has an Event told soon. It never blocks: when too many wait it is dropped and false is
// returned.
func (e *Events) Tell(event Event) bool {
	select {
	case e.queue <- event:
		return true
	default:
		return false
	}
}

// Run tells Events until ctx ends. One that cannot be told is logged: nothing rests on it.
func (e *Events) Run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case event := <-e.queue:
			if err := e.send(ctx, event); err != nil && ctx.Err() == nil {
				e.log.Warn("event not told", zap.String("reason", event.Reason), zap.String("object", event.About.Name), zap.Error(err))
			}
		}
	}
}

func (e *Events) send(ctx context.Context, event Event) error {
	key := subject.Object{Resource: subject.CoreEvents, Namespace: namespaceOf(event), Name: eventName(event)}
	if count := e.counts[key]; count > 0 {
		err := e.repeat(ctx, key, event, count+1)
		if !errs.Is(err, errs.NotFound) {
			return err
		}
	}
	if len(e.counts) >= eventMemory {
		clear(e.counts)
	}
	c := command.Create(key, e.object(key, event), event.Message)
	c.Cause, c.Correlation = event.Sequence, event.Correlation
	_, err := e.commands.Do(ctx, c)
	if errs.Is(err, errs.AlreadyExists) { // told before this agent began
		return e.repeat(ctx, key, event, 2)
	}
	if err == nil {
		e.counts[key] = 1
	}
	return err
}

func (e *Events) repeat(ctx context.Context, key subject.Object, event Event, count int32) error {
	patch, err := json.Marshal(map[string]any{"count": count, "lastTimestamp": metav1.NewTime(event.At)})
	if err != nil {
		return err
	}
	c := command.Patch(key, "", command.MergePatch, patch, event.Message)
	c.Cause, c.Correlation = event.Sequence, event.Correlation
	if _, err := e.commands.Do(ctx, c); err != nil {
		return err
	}
	e.counts[key] = count
	return nil
}

func (e *Events) object(key subject.Object, event Event) *corev1.Event {
	at := metav1.NewTime(event.At)
	return &corev1.Event{
		ObjectMeta:     metav1.ObjectMeta{Namespace: key.Namespace, Name: key.Name},
		InvolvedObject: event.About, Reason: event.Reason, Message: event.Message[:min(len(event.Message), maxMessage)], Type: event.Type,
		Source:         corev1.EventSource{Component: "kubelet", Host: e.node},
		FirstTimestamp: at, LastTimestamp: at, Count: 1,
		ReportingController: "kubelet", ReportingInstance: e.node,
	}
}

func namespaceOf(event Event) string {
	if event.About.Namespace == "" {
		return metav1.NamespaceDefault
	}
	return event.About.Namespace
}

// eventName is the same for repeats about the same object.
func eventName(event Event) string {
	h := fnv.New64a()
	fmt.Fprint(h, event.About.UID, "\x00", event.About.FieldPath, "\x00", event.Type, "\x00", event.Reason, "\x00", event.Message)
	return event.About.Name + "." + strconv.FormatUint(h.Sum64(), 16)
}
