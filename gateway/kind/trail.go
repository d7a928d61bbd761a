package kind

import (
	"strings"

	eventv1 "taffrail.dev/proto/gen/event/v1"
)

// Bounds of what one write's admission leaves in the journal.
const (
	maxSteps           = 64
	maxStepPaths       = 64
	maxStepMessage     = 2 << 10
	maxAnnotations     = 64
	maxAnnotationValue = 10 << 10
)

// Step notes what a plugin, webhook or policy did to the write, for its event.
func (r *Request) Step(s *eventv1.AdmissionStep) {
	a := r.admission()
	if len(a.Steps) == maxSteps {
		return
	}
	s.Message = clipped(s.Message, maxStepMessage)
	if len(s.Paths) > maxStepPaths {
		s.Paths = s.Paths[:maxStepPaths]
	}
	a.Steps = append(a.Steps, s)
}

// Annotate notes what a webhook or policy has to say for the audit; the first value of a key stays.
func (r *Request) Annotate(key, value string) {
	a := r.admission()
	if _, ok := a.Annotations[key]; ok || len(a.Annotations) == maxAnnotations {
		return
	}
	if a.Annotations == nil {
		a.Annotations = map[string]string{}
	}
	a.Annotations[key] = clipped(value, maxAnnotationValue)
}

func clipped(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "")
}

func (r *Request) admission() *eventv1.Admission {
	if r.Admission == nil {
		r.Admission = &eventv1.Admission{}
	}
	return r.Admission
}

// RefusedBy is the step that refused the write, nil for none.
func (r *Request) RefusedBy() *eventv1.AdmissionStep {
	for _, s := range r.Admission.GetSteps() {
		if s.Refused {
			return s
		}
	}
	return nil
}
