package kind

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// newEventKind is Events in the group events.k8s.io: the same objects as the core group's, by newer names and
// under stricter rules.
func newEventKind() *Kind {
	k := versionOf(eventKind(), Version{
		GroupVersionKind: gvk("events.k8s.io", "v1", "Event"),
		New:              func() Object { return new(eventsv1.Event) },
		NewList:          func() runtime.Object { return new(eventsv1.EventList) },
		ToStorage:        func(obj Object) Object { return toCoreEvent(obj.(*eventsv1.Event)) },
		FromStorage:      func(stored Object) Object { return fromCoreEvent(stored.(*corev1.Event)) },
	})
	k.Validate = validates(validateNewEvent)
	k.SelectableFields = []string{
		"regarding.kind", "regarding.namespace", "regarding.name", "regarding.uid", "regarding.apiVersion",
		"regarding.resourceVersion", "regarding.fieldPath", "reason", "reportingController", "type",
	}
	k.Selectable = labels(func(e *eventsv1.Event) map[string]string {
		o := &e.Regarding
		return map[string]string{
			"regarding.kind": o.Kind, "regarding.namespace": o.Namespace, "regarding.name": o.Name, "regarding.uid": string(o.UID),
			"regarding.apiVersion": o.APIVersion, "regarding.resourceVersion": o.ResourceVersion, "regarding.fieldPath": o.FieldPath,
			"reason": e.Reason, "reportingController": e.ReportingController, "type": e.Type,
		}
	})
	return k
}

func toCoreEvent(e *eventsv1.Event) *corev1.Event {
	out := &corev1.Event{
		ObjectMeta: e.ObjectMeta, EventTime: e.EventTime,
		ReportingController: e.ReportingController, ReportingInstance: e.ReportingInstance,
		Action: e.Action, Reason: e.Reason, InvolvedObject: e.Regarding, Related: e.Related, Message: e.Note, Type: e.Type,
		Source: e.DeprecatedSource, FirstTimestamp: e.DeprecatedFirstTimestamp, LastTimestamp: e.DeprecatedLastTimestamp, Count: e.DeprecatedCount,
	}
	if e.Series != nil {
		out.Series = &corev1.EventSeries{Count: e.Series.Count, LastObservedTime: e.Series.LastObservedTime}
	}
	return out
}

func fromCoreEvent(e *corev1.Event) *eventsv1.Event {
	out := &eventsv1.Event{
		ObjectMeta: e.ObjectMeta, EventTime: e.EventTime,
		ReportingController: e.ReportingController, ReportingInstance: e.ReportingInstance,
		Action: e.Action, Reason: e.Reason, Regarding: e.InvolvedObject, Related: e.Related, Note: e.Message, Type: e.Type,
		DeprecatedSource: e.Source, DeprecatedFirstTimestamp: e.FirstTimestamp, DeprecatedLastTimestamp: e.LastTimestamp, DeprecatedCount: e.Count,
	}
	if e.Series != nil {
		out.Series = &eventsv1.EventSeries{Count: e.Series.Count, LastObservedTime: e.Series.LastObservedTime}
	}
	return out
}

// validateNewEvent adds to the rules of an Event that those in the newer group have a time and an end of their own
// fields, and never change but for their series.
func validateNewEvent(e, old *eventsv1.Event) (errs field.ErrorList) {
	now := toCoreEvent(e)
	if old != nil {
		errs = append(validateEvent(now, now), unchangedEvent(now, toCoreEvent(old))...)
		return errs
	}
	errs = validateEvent(now, nil)
	if e.EventTime.IsZero() {
		errs = append(errs, field.Required(field.NewPath("eventTime"), ""))
		if e.Type != corev1.EventTypeNormal && e.Type != corev1.EventTypeWarning {
			errs = append(errs, field.Invalid(field.NewPath("type"), "", fmt.Sprintf("has invalid value: %v", e.Type)))
		}
	}
	for _, deprecated := range []struct {
		name string
		set  bool
	}{
		{"firstTimestamp", !now.FirstTimestamp.IsZero()}, {"lastTimestamp", !now.LastTimestamp.IsZero()},
		{"count", now.Count != 0}, {"source", now.Source != corev1.EventSource{}},
	} {
		if deprecated.set {
			errs = append(errs, field.Invalid(field.NewPath(deprecated.name), "", "needs to be unset"))
		}
	}
	return errs
}

func unchangedEvent(e, old *corev1.Event) (errs field.ErrorList) {
	same := func(name string, a, b any) {
		errs = append(errs, apivalidation.ValidateImmutableField(a, b, field.NewPath(name))...)
	}
	same("involvedObject", e.InvolvedObject, old.InvolvedObject)
	same("reason", e.Reason, old.Reason)
	same("message", e.Message, old.Message)
	same("source", e.Source, old.Source)
	same("firstTimestamp", e.FirstTimestamp, old.FirstTimestamp)
	same("lastTimestamp", e.LastTimestamp, old.LastTimestamp)
	same("count", e.Count, old.Count)
	same("type", e.Type, old.Type)
	same("eventTime", metav1.MicroTime{Time: e.EventTime.UTC()}, metav1.MicroTime{Time: old.EventTime.UTC()})
	same("action", e.Action, old.Action)
	same("related", e.Related, old.Related)
	same("reportingController", e.ReportingController, old.ReportingController)
	same("reportingInstance", e.ReportingInstance, old.ReportingInstance)
	return errs
}
