package kind

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// podScope is where a pod's spec stands: in a pod or in a template.
type podScope struct{ pod bool }

const maxInt32 = 1<<31 - 1

// validatePodSpec checks a spec with its defaults filled in.
func validatePodSpec(s *corev1.PodSpec, p *field.Path, in podScope) (errs field.ErrorList) {
	volumes := volumesOf(s)
	errs = validateVolumes(s.Volumes, p.Child("volumes"))
	errs = append(errs, validateContainers(s, volumes, p)...)
	errs = append(errs, validatePodPolicies(s, p)...)
	errs = append(errs, validatePodNames(s, p)...)
	errs = append(errs, validatePodSecurity(s, p)...)
	errs = append(errs, validateDNS(s, p)...)
	errs = append(errs, validatePodResources(s, p)...)
	errs = append(errs, validateAffinity(s.Affinity, p.Child("affinity"))...)
	errs = append(errs, validateTolerations(s.Tolerations, p.Child("tolerations"))...)
	errs = append(errs, validateSpread(s.TopologySpreadConstraints, p.Child("topologySpreadConstraints"))...)
	if !in.pod && len(s.EphemeralContainers) > 0 {
		errs = append(errs, field.Forbidden(p.Child("ephemeralContainers"), "ephemeral containers not allowed in pod template"))
	}
	return errs
}

// oneOf is a complaint about a value that is missing or not among those supported.
func oneOf[T ~string](v T, p *field.Path, supported ...T) field.ErrorList {
	if v == "" {
		return field.ErrorList{field.Required(p, "")}
	}
	return oneOfOrEmpty(v, p, supported...)
}

func oneOfOrEmpty[T ~string](v T, p *field.Path, supported ...T) field.ErrorList {
	if v == "" {
		return nil
	}
	for _, s := range supported {
		if v == s {
			return nil
		}
	}
	return field.ErrorList{field.NotSupported(p, v, supported)}
}

func validatePodPolicies(s *corev1.PodSpec, p *field.Path) (errs field.ErrorList) {
	errs = oneOf(s.RestartPolicy, p.Child("restartPolicy"),
		corev1.RestartPolicyAlways, corev1.RestartPolicyOnFailure, corev1.RestartPolicyNever)
	if s.PreemptionPolicy != nil {
		errs = append(errs, oneOf(*s.PreemptionPolicy, p.Child("preemptionPolicy"),
			corev1.PreemptLowerPriority, corev1.PreemptNever)...)
	}
	if d := s.ActiveDeadlineSeconds; d != nil && (*d < 1 || *d > maxInt32) {
		errs = append(errs, field.Invalid(p.Child("activeDeadlineSeconds"), *d, validation.InclusiveRangeError(1, maxInt32)))
	}
	if s.OS != nil {
		errs = append(errs, oneOf(s.OS.Name, p.Child("os", "name"), corev1.Linux, corev1.Windows)...)
	}
	for i, g := range s.ReadinessGates {
		name := string(g.ConditionType)
		errs = append(errs, invalids(p.Child("readinessGates").Index(i).Child("conditionType"), name, qualifiedName(name))...)
	}
	gates := sets.New[string]()
	for i, g := range s.SchedulingGates {
		at := p.Child("schedulingGates").Index(i)
		errs = append(errs, invalids(at, g.Name, qualifiedName(g.Name))...)
		if gates.Has(g.Name) {
			errs = append(errs, field.Duplicate(at, g.Name))
		}
		gates.Insert(g.Name)
	}
	if len(s.SchedulingGates) > 0 && s.NodeName != "" {
		errs = append(errs, field.Forbidden(p.Child("nodeName"), "cannot be set until all schedulingGates have been cleared"))
	}
	return errs
}

func validatePodNames(s *corev1.PodSpec, p *field.Path) (errs field.ErrorList) {
	check := func(name, v string, rule func(string) []string) {
		if v != "" {
			errs = append(errs, invalids(p.Child(name), v, rule(v))...)
		}
	}
	check("serviceAccountName", s.ServiceAccountName, subdomain)
	check("nodeName", s.NodeName, subdomain)
	check("priorityClassName", s.PriorityClassName, subdomain)
	check("hostname", s.Hostname, dnsLabel)
	check("subdomain", s.Subdomain, dnsLabel)
	if s.RuntimeClassName != nil {
		errs = append(errs, invalids(p.Child("runtimeClassName"), *s.RuntimeClassName, subdomain(*s.RuntimeClassName))...)
	}
	if name := s.HostnameOverride; name != nil {
		at := p.Child("hostnameOverride")
		errs = append(errs, invalids(at, *name, subdomain(*name))...)
		if len(*name) > 64 {
			errs = append(errs, field.TooLong(at, *name, 64))
		}
		if s.HostNetwork {
			errs = append(errs, field.Forbidden(at, "may not be specified when hostNetwork is true"))
		}
	}
	return append(errs, ValidateLabels(s.NodeSelector, p.Child("nodeSelector"))...)
}

// validateAnyTemplate checks a template of pods whatever becomes of them.
func validateAnyTemplate(t *corev1.PodTemplateSpec, p *field.Path) field.ErrorList {
	errs := ValidateLabels(t.Labels, p.Child("labels"))
	errs = append(errs, validateAnnotations(t.Annotations, p.Child("annotations"))...)
	return append(errs, validatePodSpec(&t.Spec, p.Child("spec"), podScope{})...)
}

// validatePodTemplate checks a template of pods that run until they are deleted.
func validatePodTemplate(t *corev1.PodTemplateSpec, p *field.Path, owner string) field.ErrorList {
	errs, spec := validateAnyTemplate(t, p), p.Child("spec")
	if t.Spec.RestartPolicy != corev1.RestartPolicyAlways && t.Spec.RestartPolicy != "" {
		errs = append(errs, field.NotSupported(spec.Child("restartPolicy"), t.Spec.RestartPolicy,
			[]corev1.RestartPolicy{corev1.RestartPolicyAlways}))
	}
	if t.Spec.ActiveDeadlineSeconds != nil {
		errs = append(errs, field.Forbidden(spec.Child("activeDeadlineSeconds"), fmt.Sprintf("activeDeadlineSeconds in %s is not Supported", owner)))
	}
	return errs
}
