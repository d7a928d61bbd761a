package kind

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// prepareEphemeral lets the subresource change the ephemeral containers alone.
func prepareEphemeral(p, old *corev1.Pod) {
	added := p.Spec.EphemeralContainers
	version, managed := p.ResourceVersion, p.ManagedFields
	p.ObjectMeta, p.Spec, p.Status = old.ObjectMeta, old.Spec, old.Status
	p.Spec.EphemeralContainers, p.ResourceVersion, p.ManagedFields = added, version, managed
}

func validateEphemeralUpdate(p, old *corev1.Pod) field.ErrorList {
	at := specPath.Child("ephemeralContainers")
	errs := validateEphemeralContainers(&p.Spec, at)
	now := make(map[string]*corev1.EphemeralContainer, len(p.Spec.EphemeralContainers))
	for i := range p.Spec.EphemeralContainers {
		now[p.Spec.EphemeralContainers[i].Name] = &p.Spec.EphemeralContainers[i]
	}
	for i := range old.Spec.EphemeralContainers {
		was := &old.Spec.EphemeralContainers[i]
		switch c := now[was.Name]; {
		case c == nil:
			errs = append(errs, field.Forbidden(at, "existing ephemeral containers \""+was.Name+"\" may not be removed\n"))
		case !equality.Semantic.DeepEqual(*c, *was):
			errs = append(errs, field.Forbidden(at, "existing ephemeral containers \""+was.Name+"\" may not be changed\n"))
		}
	}
	return errs
}

// prepareResize lets the subresource change containers' resources and resize policies alone.
func prepareResize(p, old *corev1.Pod) {
	asked := p.Spec
	version, managed := p.ResourceVersion, p.ManagedFields
	p.ObjectMeta, p.Status = old.ObjectMeta, old.Status
	p.Spec = *old.Spec.DeepCopy()
	p.ResourceVersion, p.ManagedFields = version, managed
	if asked.Resources != nil {
		p.Spec.Resources = asked.Resources
	}
	takeResources(p.Spec.Containers, asked.Containers)
	takeResources(p.Spec.InitContainers, asked.InitContainers)
}

func takeResources(to, from []corev1.Container) {
	for i := range to {
		for j := range from {
			if to[i].Name == from[j].Name {
				to[i].Resources, to[i].ResizePolicy = from[j].Resources, from[j].ResizePolicy
			}
		}
	}
}

func validateResize(p, old *corev1.Pod) field.ErrorList {
	errs := validatePodSpec(&p.Spec, specPath, podScope{pod: true})
	if PodQOS(p) != PodQOS(old) {
		errs = append(errs, field.Invalid(specPath, p.Status.QOSClass, "Pod QOS Class may not change as a result of resizing"))
	}
	onlyComputeChanges := func(now, was []corev1.Container, at *field.Path) {
		for i := range now {
			if !sameBesidesCompute(now[i].Resources.Requests, was[i].Resources.Requests) ||
				!sameBesidesCompute(now[i].Resources.Limits, was[i].Resources.Limits) {
				errs = append(errs, field.Forbidden(at.Index(i).Child("resources"), "only cpu and memory resources are mutable"))
			}
		}
	}
	onlyComputeChanges(p.Spec.Containers, old.Spec.Containers, specPath.Child("containers"))
	onlyComputeChanges(p.Spec.InitContainers, old.Spec.InitContainers, specPath.Child("initContainers"))
	return errs
}

func sameBesidesCompute(a, b corev1.ResourceList) bool {
	covers := func(a, b corev1.ResourceList) bool {
		for name, q := range a {
			if name == corev1.ResourceCPU || name == corev1.ResourceMemory {
				continue
			}
			if other, ok := b[name]; !ok || q.Cmp(other) != 0 {
				return false
			}
		}
		return true
	}
	return covers(a, b) && covers(b, a)
}
