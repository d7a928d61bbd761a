package kind

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// podScope is where a pod's spec stands: in a pod or in a template.
type podScope struct{ pod bool }

func validatePodSpec(s *corev1.PodSpec, p *field.Path, in podScope) (errs field.ErrorList) {
	if len(s.Containers) == 0 {
		errs = append(errs, field.Required(p.Child("containers"), ""))
	}
	return append(errs, validateTolerations(s.Tolerations, p.Child("tolerations"))...)
}

func validateImage(image string, p *field.Path) field.ErrorList {
	if image == "" {
		return field.ErrorList{field.Required(p, "")}
	}
	return nil
}

func validateEphemeralContainers(s *corev1.PodSpec, p *field.Path) field.ErrorList { return nil }
