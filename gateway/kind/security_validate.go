package kind

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func validateUserID(id *int64, p *field.Path) field.ErrorList {
	if id == nil {
		return nil
	}
	return invalids(p, *id, validation.IsValidUserID(*id))
}

func validateGroupID(id *int64, p *field.Path) field.ErrorList {
	if id == nil {
		return nil
	}
	return invalids(p, *id, validation.IsValidGroupID(*id))
}

// validatePodSecurity checks the pod's security context and its sharing of the host's namespaces.
func validatePodSecurity(s *corev1.PodSpec, spec *field.Path) (errs field.ErrorList) {
	if s.HostPID && isTrue(s.ShareProcessNamespace) {
		errs = append(errs, field.Invalid(spec.Child("shareProcessNamespace"), *s.ShareProcessNamespace, "ShareProcessNamespace and HostPID cannot both be enabled"))
	}
	if s.HostUsers != nil && !*s.HostUsers {
		for name, set := range map[string]bool{"hostNetwork": s.HostNetwork, "hostPID": s.HostPID, "hostIPC": s.HostIPC} {
			if set {
				errs = append(errs, field.Forbidden(spec.Child(name), "when `hostUsers` is false"))
			}
		}
	}
	c := s.SecurityContext
	if c == nil {
		return errs
	}
	p := spec.Child("securityContext")
	errs = append(errs, validateUserID(c.RunAsUser, p.Child("runAsUser"))...)
	errs = append(errs, validateGroupID(c.RunAsGroup, p.Child("runAsGroup"))...)
	errs = append(errs, validateGroupID(c.FSGroup, p.Child("fsGroup"))...)
	for i := range c.SupplementalGroups {
		errs = append(errs, validateGroupID(&c.SupplementalGroups[i], p.Child("supplementalGroups").Index(i))...)
	}
	if c.FSGroupChangePolicy != nil {
		errs = append(errs, oneOf(*c.FSGroupChangePolicy, p.Child("fsGroupChangePolicy"), corev1.FSGroupChangeAlways, corev1.FSGroupChangeOnRootMismatch)...)
	}
	if c.SupplementalGroupsPolicy != nil {
		errs = append(errs, oneOf(*c.SupplementalGroupsPolicy, p.Child("supplementalGroupsPolicy"), corev1.SupplementalGroupsPolicyMerge, corev1.SupplementalGroupsPolicyStrict)...)
	}
	errs = append(errs, validateSysctls(s, p.Child("sysctls"))...)
	errs = append(errs, validateSeccomp(c.SeccompProfile, p.Child("seccompProfile"))...)
	return append(errs, validateAppArmor(c.AppArmorProfile, p.Child("appArmorProfile"))...)
}

func validateSysctls(s *corev1.PodSpec, p *field.Path) (errs field.ErrorList) {
	names := sets.New[string]()
	for i, c := range s.SecurityContext.Sysctls {
		at := p.Index(i).Child("name")
		if c.Name == "" {
			errs = append(errs, field.Required(at, ""))
			continue
		}
		name := strings.ReplaceAll(c.Name, "/", ".")
		if !isSysctl(name) {
			errs = append(errs, field.Invalid(at, c.Name, "must have at most 253 characters and match regex ^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$"))
		}
		if names.Has(name) {
			errs = append(errs, field.Duplicate(at, c.Name))
		}
		names.Insert(name)
		if s.HostNetwork && strings.HasPrefix(name, "net.") {
			errs = append(errs, field.Invalid(at, c.Name, "may not be specified when 'hostNetwork' is true"))
		}
		if s.HostIPC && (strings.HasPrefix(name, "kernel.shm") || strings.HasPrefix(name, "kernel.msg") || name == "kernel.sem" || strings.HasPrefix(name, "fs.mqueue.")) {
			errs = append(errs, field.Invalid(at, c.Name, "may not be specified when 'hostIPC' is true"))
		}
	}
	return errs
}

func isSysctl(name string) bool {
	if len(name) > 253 {
		return false
	}
	for part := range strings.SplitSeq(name, ".") {
		if !within(part, 253, lower|digit, lower|digit|dash|underscore) {
			return false
		}
	}
	return true
}

func validateContainerSecurity(c *corev1.SecurityContext, s *corev1.PodSpec, p *field.Path) (errs field.ErrorList) {
	if c == nil {
		return nil
	}
	errs = validateUserID(c.RunAsUser, p.Child("runAsUser"))
	errs = append(errs, validateGroupID(c.RunAsGroup, p.Child("runAsGroup"))...)
	if m := c.ProcMount; m != nil {
		errs = append(errs, oneOf(*m, p.Child("procMount"), corev1.DefaultProcMount, corev1.UnmaskedProcMount)...)
		if *m == corev1.UnmaskedProcMount && (s.HostUsers == nil || *s.HostUsers) {
			errs = append(errs, field.Invalid(p.Child("procMount"), *m, "`hostUsers` must be false to use `Unmasked`"))
		}
	}
	errs = append(errs, validateSeccomp(c.SeccompProfile, p.Child("seccompProfile"))...)
	errs = append(errs, validateAppArmor(c.AppArmorProfile, p.Child("appArmorProfile"))...)
	if c.AllowPrivilegeEscalation == nil || *c.AllowPrivilegeEscalation {
		return errs
	}
	if isTrue(c.Privileged) {
		errs = append(errs, field.Invalid(p, c, "cannot set `allowPrivilegeEscalation` to false and `privileged` to true"))
	}
	if c.Capabilities != nil {
		for _, added := range c.Capabilities.Add {
			if added == "CAP_SYS_ADMIN" {
				errs = append(errs, field.Invalid(p, c, "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN"))
			}
		}
	}
	return errs
}

func validateSeccomp(s *corev1.SeccompProfile, p *field.Path) (errs field.ErrorList) {
	if s == nil {
		return nil
	}
	errs = oneOf(s.Type, p.Child("type"), corev1.SeccompProfileTypeLocalhost, corev1.SeccompProfileTypeRuntimeDefault, corev1.SeccompProfileTypeUnconfined)
	at := p.Child("localhostProfile")
	switch {
	case s.Type == corev1.SeccompProfileTypeLocalhost && s.LocalhostProfile == nil:
		errs = append(errs, field.Required(at, "must be set when seccomp type is Localhost"))
	case s.Type == corev1.SeccompProfileTypeLocalhost:
		errs = append(errs, validateRelativePath(*s.LocalhostProfile, at)...)
	case s.LocalhostProfile != nil:
		errs = append(errs, field.Invalid(at, s, "can only be set when seccomp type is Localhost"))
	}
	return errs
}

func validateAppArmor(a *corev1.AppArmorProfile, p *field.Path) (errs field.ErrorList) {
	if a == nil {
		return nil
	}
	errs = oneOf(a.Type, p.Child("type"), corev1.AppArmorProfileTypeLocalhost, corev1.AppArmorProfileTypeRuntimeDefault, corev1.AppArmorProfileTypeUnconfined)
	at := p.Child("localhostProfile")
	switch {
	case a.Type != corev1.AppArmorProfileTypeLocalhost:
		if a.LocalhostProfile != nil {
			errs = append(errs, field.Invalid(at, a.LocalhostProfile, "can only be set when AppArmor type is Localhost"))
		}
	case a.LocalhostProfile == nil || strings.TrimSpace(*a.LocalhostProfile) == "":
		errs = append(errs, field.Required(at, "must be set when AppArmor type is Localhost"))
	case strings.TrimSpace(*a.LocalhostProfile) != *a.LocalhostProfile:
		errs = append(errs, field.Invalid(at, *a.LocalhostProfile, "must not be padded with whitespace"))
	case len(*a.LocalhostProfile) > 4095:
		errs = append(errs, field.TooLong(at, *a.LocalhostProfile, 4095))
	}
	return errs
}
