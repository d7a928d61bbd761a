// Package record makes the Kubernetes Events (core/v1) that a service leaves on objects for
// people to read. Repeats within an hour count up one Event.
package record

import (
	"errors"
	"fmt"
	"hash/fnv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"taffrail.dev/events/command"
	"taffrail.dev/events/errs"
	"taffrail.dev/events/fold"
	"taffrail.dev/events/subject"
	commandv1 "taffrail.dev/proto/gen/command/v1"
)

// generation bounds a Log's memory: it remembers the newest one to two generations of Events.
const generation = 2048

// maxMessage is the longest message of an Event, in bytes.
const maxMessage = 1024

// Log is the fold of the Events that one service recorded: how often each happened.
type Log struct {
	actor      string
	component  string
	young, old map[string]count
}

type count struct {
	n     int32
	first metav1.Time
}

// NewLog makes the log of a service, named as its process.Spec.
func NewLog(service string) *Log {
	return &Log{actor: "system:taffrail:" + service, component: service, young: map[string]count{}}
}

// As has the Events come from a component named so: as Kubernetes names it, for those who filter by it.
func (l *Log) As(component string) *Log {
	l.component = component
	return l
}

// Apply folds an event of core/v1 Events; others' are ignored.
func (l *Log) Apply(e *fold.Event) {
	if e.GetActor().GetUser() != l.actor || e.Gone() {
		return
	}
	recorded, err := fold.Decode[corev1.Event, *corev1.Event](e)
	if err != nil {
		return
	}
	if len(l.young) >= generation {
		l.old, l.young = l.young, make(map[string]count, generation)
	}
	l.young[recorded.Name] = count{recorded.Count, recorded.FirstTimestamp}
}

// Named is an object as far as an Event refers to it.
type Named interface {
	GetNamespace() string
	GetName() string
	GetUID() types.UID
	GetResourceVersion() string
}

// About refers to an object of a kind, as an Event's involvedObject does.
func About(apiVersion, kind string, o Named) corev1.ObjectReference {
	return corev1.ObjectReference{
		APIVersion: apiVersion, Kind: kind, Namespace: o.GetNamespace(), Name: o.GetName(),
		UID: o.GetUID(), ResourceVersion: o.GetResourceVersion(),
	}
}

// Normal records that something happened to an object.
func (l *Log) Normal(now time.Time, about corev1.ObjectReference, reason, format string, args ...any) *commandv1.Command {
	return l.note(now, about, corev1.EventTypeNormal, reason, fmt.Sprintf(format, args...))
}

// Warning records that something went wrong with an object.
func (l *Log) Warning(now time.Time, about corev1.ObjectReference, reason, format string, args ...any) *commandv1.Command {
	return l.note(now, about, corev1.EventTypeWarning, reason, fmt.Sprintf(format, args...))
}

func (l *Log) note(now time.Time, about corev1.ObjectReference, kind, reason, message string) *commandv1.Command {
	if len(message) > maxMessage {
		message = strings.ToValidUTF8(message[:maxMessage], "")
	}
	namespace := about.Namespace
	if namespace == "" {
		namespace = metav1.NamespaceDefault
	}
	name := fmt.Sprintf("%s.%016x", about.Name, identity(now, about, kind, reason, message))
	at := metav1.NewTime(now)
	event := &corev1.Event{
		ObjectMeta:     metav1.ObjectMeta{Namespace: namespace, Name: name},
		InvolvedObject: about,
		Reason:         reason, Message: message, Type: kind,
		Source:         corev1.EventSource{Component: l.component},
		FirstTimestamp: at, LastTimestamp: at, Count: 1,
		ReportingController: l.component,
	}
	key := subject.Object{Resource: subject.CoreEvents, Namespace: namespace, Name: name}
	before, known := l.young[name]
	if !known {
		before, known = l.old[name]
	}
	if !known {
		return command.Create(key, event, reason)
	}
	event.FirstTimestamp, event.Count = before.first, before.n+1
	return command.Update(key, "", event, reason)
}

// Cause is what a refused command's error says to a person: the refusal, without what
// was attempted.
func Cause(err error) string {
	var refusal *errs.Error
	if errors.As(err, &refusal) && refusal.Cause != nil {
		return refusal.Cause.Error()
	}
	return err.Error()
}

// identity tells Events apart: alike within the same hour is the same Event.
func identity(now time.Time, about corev1.ObjectReference, kind, reason, message string) uint64 {
	h := fnv.New64a()
	fmt.Fprintf(h, "%s\x00%s\x00%s\x00%s\x00%s\x00%d", about.Kind, about.UID, kind, reason, message, now.Unix()/3600)
	return h.Sum64()
}
