package flow

import (
	"fmt"

	flowcontrolv1 "k8s.io/api/flowcontrol/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"taffrail.dev/gateway/kind"
)

// Kept is what an object of Objects is to become: want itself where there is none, a changed copy of have where it differs and may
// be changed, else nil. Mandatory objects are always brought back; of the others those that their annotation says
// are kept, and without that annotation those whose spec nobody has changed.
func Kept(have, want kind.Object) kind.Object {
	if have == nil {
		return want
	}
	follows, said := have.GetAnnotations()[flowcontrolv1.AutoUpdateAnnotationKey]
	if !Mandatory(want.GetName()) && follows != "true" && (said || have.GetGeneration() != 1) {
		return nil
	}
	switch want := want.(type) {
	case *flowcontrolv1.FlowSchema:
		out := have.DeepCopyObject().(*flowcontrolv1.FlowSchema)
		out.Spec = want.Spec
		return annotated(out, have, equality.Semantic.DeepEqual(out.Spec, have.(*flowcontrolv1.FlowSchema).Spec))
	case *flowcontrolv1.PriorityLevelConfiguration:
		had := have.(*flowcontrolv1.PriorityLevelConfiguration)
		out := had.DeepCopy()
		if out.Spec = want.Spec; follows != "true" && out.Spec.Exempt != nil {
			out.Spec.Exempt = had.Spec.Exempt // the one part that a mandatory level leaves to its users
		}
		return annotated(out, have, equality.Semantic.DeepEqual(out.Spec, had.Spec))
	}
	return nil
}

func annotated(out, have kind.Object, same bool) kind.Object {
	_, said := have.GetAnnotations()[flowcontrolv1.AutoUpdateAnnotationKey]
	if same && said {
		return nil
	}
	if !said {
		annotations := map[string]string{flowcontrolv1.AutoUpdateAnnotationKey: "true"}
		for k, v := range have.GetAnnotations() {
			annotations[k] = v
		}
		out.SetAnnotations(annotations)
	}
	return out
}

// Judged is a schema with the condition that says whether its priority level is there; nil if it says so already.
func Judged(s *flowcontrolv1.FlowSchema, there bool, now metav1.Time) *flowcontrolv1.FlowSchema {
	level := s.Spec.PriorityLevelConfiguration.Name
	want := flowcontrolv1.FlowSchemaCondition{
		Type: flowcontrolv1.FlowSchemaConditionDangling, Status: flowcontrolv1.ConditionFalse, LastTransitionTime: now, Reason: "Found",
		Message: fmt.Sprintf("This FlowSchema references the PriorityLevelConfiguration object named %q and it exists", level),
	}
	if !there {
		want.Status, want.Reason = flowcontrolv1.ConditionTrue, "NotFound"
		want.Message = fmt.Sprintf("This FlowSchema references the PriorityLevelConfiguration object named %q but there is no such object", level)
	}
	out := s.DeepCopy()
	for i := range out.Status.Conditions {
		c := &out.Status.Conditions[i]
		if c.Type != want.Type {
			continue
		}
		if c.Status == want.Status && c.Reason == want.Reason && c.Message == want.Message {
			return nil
		}
		if c.Status == want.Status {
			want.LastTransitionTime = c.LastTransitionTime
		}
		*c = want
		return out
	}
	out.Status.Conditions = append(out.Status.Conditions, want)
	return out
}
