package kind

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func preparePodStatus(p, old *corev1.Pod) {
	p.Spec = old.Spec
	p.OwnerReferences = old.OwnerReferences
	if p.Status.QOSClass == "" {
		p.Status.QOSClass = old.Status.QOSClass
	}
	if len(p.Status.PodIPs) == 0 && p.Status.PodIP != "" {
		p.Status.PodIPs = []corev1.PodIP{{IP: p.Status.PodIP}}
	}
}

func validatePodStatus(p, old *corev1.Pod) (errs field.ErrorList) {
	if n := p.Status.NominatedNodeName; n != "" {
		errs = append(errs, invalids(statusPath.Child("nominatedNodeName"), n, subdomain(n))...)
	}
	if old.Status.QOSClass != "" && p.Status.QOSClass != old.Status.QOSClass {
		errs = append(errs, field.Invalid(statusPath.Child("qosClass"), p.Status.QOSClass, immutableField))
	}
	if len(p.Status.HostIPs) > 0 && p.Status.HostIPs[0].IP != p.Status.HostIP {
		errs = append(errs, field.Invalid(statusPath.Child("hostIPs").Index(0).Child("ip"), p.Status.HostIPs[0].IP, "must be equal to `hostIP`"))
	}
	for i, ip := range p.Status.PodIPs {
		errs = append(errs, validation.IsValidIP(statusPath.Child("podIPs").Index(i), ip.IP)...)
	}
	errs = append(errs, validateRestarts(p.Status.ContainerStatuses, old.Status.ContainerStatuses,
		statusPath.Child("containerStatuses"), p.Spec.RestartPolicy, p.Spec.Containers)...)
	return append(errs, validateRestarts(p.Status.InitContainerStatuses, old.Status.InitContainerStatuses,
		statusPath.Child("initContainerStatuses"), p.Spec.RestartPolicy, p.Spec.InitContainers)...)
}

// validateRestarts refuses that a container that has ended for good runs again.
func validateRestarts(now, before []corev1.ContainerStatus, p *field.Path, policy corev1.RestartPolicy, spec []corev1.Container) (errs field.ErrorList) {
	if policy == corev1.RestartPolicyAlways {
		return nil
	}
	for i := range before {
		t := before[i].State.Terminated
		if t == nil || t.ExitCode != 0 && policy == corev1.RestartPolicyOnFailure || mayRestart(spec, before[i].Name) {
			continue
		}
		for j := range now {
			if now[j].Name == before[i].Name && now[j].State.Terminated == nil {
				errs = append(errs, field.Forbidden(p.Index(j).Child("state"), "may not be transitioned to non-terminated state"))
			}
		}
	}
	return errs
}

func mayRestart(spec []corev1.Container, name string) bool {
	for i := range spec {
		if spec[i].Name == name {
			return spec[i].RestartPolicy != nil || len(spec[i].RestartPolicyRules) > 0
		}
	}
	return false
}

// setPodCondition sets a condition; its time of transition only when its status changes.
func setPodCondition(p *corev1.Pod, c corev1.PodCondition, now time.Time) {
	c.LastTransitionTime = metav1.NewTime(now)
	c.ObservedGeneration = p.Generation
	for i := range p.Status.Conditions {
		was := &p.Status.Conditions[i]
		if was.Type != c.Type {
			continue
		}
		if was.Status == c.Status {
			c.LastTransitionTime = was.LastTransitionTime
		}
		*was = c
		return
	}
	p.Status.Conditions = append(p.Status.Conditions, c)
}
