package kind

import (
	"fmt"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	eventv1 "taffrail.dev/proto/gen/event/v1"
)

// scaled is a workload as its scale subresource sees it.
type scaled struct {
	replicas *int32
	current  int32
	selector *metav1.LabelSelector
}

// scale shows and changes the number of replicas of a workload.
func scale[P Object](of func(P) scaled, set func(P, int32)) Subresource {
	return Subresource{
		Name: "scale", Verbs: []string{"get", "patch", "update"},
		GroupVersionKind: gvk("autoscaling", "v1", "Scale"), New: func() Object { return new(autoscalingv1.Scale) },
		Read: func(obj Object) Object {
			s := of(obj.(P))
			out := &autoscalingv1.Scale{
				ObjectMeta: metav1.ObjectMeta{
					Name: obj.GetName(), Namespace: obj.GetNamespace(), UID: obj.GetUID(),
					ResourceVersion: obj.GetResourceVersion(), CreationTimestamp: obj.GetCreationTimestamp(),
				},
				Status: autoscalingv1.ScaleStatus{Replicas: s.current, Selector: metav1.FormatLabelSelector(s.selector)},
			}
			if s.replicas != nil {
				out.Spec.Replicas = *s.replicas
			}
			return out
		},
		Write: func(obj, body Object) error {
			s := body.(*autoscalingv1.Scale)
			if s.Name != "" && s.Name != obj.GetName() {
				return apierrors.NewBadRequest(fmt.Sprintf("the name of the object (%s) does not match the name on the URL (%s)", s.Name, obj.GetName()))
			}
			if errs := atLeastZero(s.Spec.Replicas, specPath.Child("replicas")); len(errs) > 0 {
				return apierrors.NewInvalid(gvk("autoscaling", "v1", "Scale").GroupKind(), obj.GetName(), field.ErrorList(errs))
			}
			set(obj.(P), s.Spec.Replicas)
			return nil
		},
	}
}

// whatScaled names changes by the scale subresource.
func whatScaled(_, _ Object, subresource string) eventv1.What {
	if subresource == "scale" {
		return eventv1.What_SCALED
	}
	return eventv1.What_WHAT_UNSPECIFIED
}
