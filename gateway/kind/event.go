package kind

import (
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func eventKind() *Kind {
	return &Kind{
		GroupVersionKind: core("Event"), Resource: "events", ShortNames: []string{"ev"}, Namespaced: true,
		New:      func() Object { return new(corev1.Event) },
		NewList:  func() runtime.Object { return new(corev1.EventList) },
		Validate: validates(validateEvent),
		SelectableFields: []string{
			"involvedObject.kind", "involvedObject.namespace", "involvedObject.name", "involvedObject.uid",
			"involvedObject.apiVersion", "involvedObject.resourceVersion", "involvedObject.fieldPath",
			"reason", "reportingComponent", "source", "type",
		},
		Selectable: labels(selectableEvent),
		Columns:    eventColumns(),
	}
}

func selectableEvent(e *corev1.Event) map[string]string {
	source := e.Source.Component
	if source == "" {
		source = e.ReportingController
	}
	o := &e.InvolvedObject
	return map[string]string{
		"involvedObject.kind": o.Kind, "involvedObject.namespace": o.Namespace, "involvedObject.name": o.Name,
		"involvedObject.uid": string(o.UID), "involvedObject.apiVersion": o.APIVersion,
		"involvedObject.resourceVersion": o.ResourceVersion, "involvedObject.fieldPath": o.FieldPath,
		"reason": e.Reason, "reportingComponent": e.ReportingController, "source": source, "type": e.Type,
	}
}

// validateEvent checks where an event lives, and of one in the new style (eventTime
// set) that it says who reported what.
func validateEvent(e, old *corev1.Event) (errs field.ErrorList) {
	at := field.NewPath("involvedObject", "namespace")
	if about := e.InvolvedObject.Namespace; about == "" {
		if e.Namespace != "" && e.Namespace != "default" && e.Namespace != "kube-system" {
			errs = append(errs, field.Invalid(at, about, "does not match event.namespace"))
		}
	} else if about != e.Namespace {
		errs = append(errs, field.Invalid(at, about, "does not match event.namespace"))
	}
	if e.EventTime.IsZero() || old != nil {
		return errs
	}
	required := []struct{ name, value string }{
		{"reportingController", e.ReportingController}, {"reportingInstance", e.ReportingInstance},
		{"action", e.Action}, {"reason", e.Reason},
	}
	for _, r := range required {
		if r.value == "" {
			errs = append(errs, field.Required(field.NewPath(r.name), ""))
		}
	}
	errs = append(errs, invalids(field.NewPath("reportingController"), e.ReportingController, optional(qualifiedName, e.ReportingController))...)
	for _, r := range required[1:] {
		if most := 128; len(r.value) > most {
			errs = append(errs, field.Invalid(field.NewPath(r.name), "", fmt.Sprintf("can have at most %d characters", most)))
		}
	}
	if len(e.Message) > 1024 {
		errs = append(errs, field.Invalid(field.NewPath("message"), "", "can have at most 1024 characters"))
	}
	if e.Type != corev1.EventTypeNormal && e.Type != corev1.EventTypeWarning {
		errs = append(errs, field.Invalid(field.NewPath("type"), "", fmt.Sprintf("has invalid value: %v", e.Type)))
	}
	return errs
}

// optional applies a rule to a value that is not empty.
func optional(rule func(string) []string, v string) []string {
	if v == "" {
		return nil
	}
	return rule(v)
}

func eventColumns() []Column {
	text := func(name string, priority int32, f func(e *corev1.Event, now time.Time) any) Column {
		return column(name, "string", priority, f)
	}
	return []Column{
		text("Last Seen", 0, func(e *corev1.Event, now time.Time) any { return eventSeen(e, now) }),
		text("Type", 0, func(e *corev1.Event, _ time.Time) any { return e.Type }),
		text("Reason", 0, func(e *corev1.Event, _ time.Time) any { return e.Reason }),
		text("Object", 0, func(e *corev1.Event, _ time.Time) any { return eventObject(e) }),
		text("Subobject", 1, func(e *corev1.Event, _ time.Time) any { return e.InvolvedObject.FieldPath }),
		text("Source", 1, func(e *corev1.Event, _ time.Time) any { return eventSource(e) }),
		text("Message", 0, func(e *corev1.Event, _ time.Time) any { return e.Message }),
		text("First Seen", 1, func(e *corev1.Event, now time.Time) any { return eventFirstSeen(e, now) }),
		column("Count", "integer", 1, func(e *corev1.Event, _ time.Time) any { return eventCount(e) }),
		{Name: "Name", Type: "string", Format: "name", Priority: 1, Value: nameColumn.Value},
	}
}

func eventFirstSeen(e *corev1.Event, now time.Time) string {
	if e.FirstTimestamp.IsZero() {
		return sinceTime(e.EventTime.Time, now)
	}
	return since(e.FirstTimestamp, now)
}

func eventSeen(e *corev1.Event, now time.Time) string {
	switch {
	case e.Series != nil:
		return sinceTime(e.Series.LastObservedTime.Time, now)
	case e.LastTimestamp.IsZero():
		return eventFirstSeen(e, now)
	}
	return since(e.LastTimestamp, now)
}

func eventObject(e *corev1.Event) string {
	kind := strings.ToLower(e.InvolvedObject.Kind)
	if e.InvolvedObject.Name == "" {
		return kind
	}
	return kind + "/" + e.InvolvedObject.Name
}

func eventSource(e *corev1.Event) string {
	component, host := e.Source.Component, e.Source.Host
	if component == "" {
		component = e.ReportingController
	}
	if host == "" {
		host = e.ReportingInstance
	}
	if host == "" {
		return component
	}
	return component + ", " + host
}

func eventCount(e *corev1.Event) int64 {
	switch {
	case e.Series != nil:
		return int64(e.Series.Count)
	case e.Count == 0:
		return 1
	}
	return int64(e.Count)
}
