package kind

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// validateContainers checks the main and init containers, each alone and their names together.
func validateContainers(s *corev1.PodSpec, volumes map[string]*corev1.Volume, p *field.Path) (errs field.ErrorList) {
	if len(s.Containers) == 0 {
		errs = append(errs, field.Required(p.Child("containers"), ""))
	}
	names := make(map[string]bool, len(s.Containers)+len(s.InitContainers))
	main, init := p.Child("containers"), p.Child("initContainers")
	for i := range s.Containers {
		c, at := &s.Containers[i], main.Index(i)
		errs = append(errs, validateContainer(c, s, volumes, names, at)...)
		errs = append(errs, validateProbes(c, s, at)...)
		errs = append(errs, validateLifecycle(c, s, at)...)
	}
	errs = append(errs, hostPortConflicts(s.Containers, main)...)
	for i := range s.InitContainers {
		c, at := &s.InitContainers[i], init.Index(i)
		errs = append(errs, validateContainer(c, s, volumes, names, at)...)
		errs = append(errs, hostPortConflicts(s.InitContainers[i:i+1], init)...)
		if isSidecar(c) {
			errs = append(errs, validateProbes(c, s, at)...)
			errs = append(errs, validateLifecycle(c, s, at)...)
		} else {
			errs = append(errs, forbidOnInit(c, at)...)
		}
	}
	return errs
}

// forbidOnInit refuses what only makes sense for a container that keeps running.
func forbidOnInit(c *corev1.Container, at *field.Path) (errs field.ErrorList) {
	for _, f := range []struct {
		name string
		set  bool
	}{
		{"lifecycle", c.Lifecycle != nil}, {"livenessProbe", c.LivenessProbe != nil},
		{"readinessProbe", c.ReadinessProbe != nil}, {"startupProbe", c.StartupProbe != nil},
	} {
		if f.set {
			errs = append(errs, field.Forbidden(at.Child(f.name), "may not be set for init containers without restartPolicy=Always"))
		}
	}
	return errs
}

// validateContainer checks what all containers of a pod have in common; it adds the container's name to names.
func validateContainer(c *corev1.Container, s *corev1.PodSpec, volumes map[string]*corev1.Volume, names map[string]bool, at *field.Path) (errs field.ErrorList) {
	switch {
	case c.Name == "":
		errs = append(errs, field.Required(at.Child("name"), ""))
	case names[c.Name]:
		errs = append(errs, field.Duplicate(at.Child("name"), c.Name))
	default:
		errs = append(errs, invalids(at.Child("name"), c.Name, dnsLabel(c.Name))...)
		names[c.Name] = true
	}
	errs = append(errs, validateImage(c.Image, at.Child("image"))...)
	errs = append(errs, oneOf(c.ImagePullPolicy, at.Child("imagePullPolicy"),
		corev1.PullAlways, corev1.PullIfNotPresent, corev1.PullNever)...)
	errs = append(errs, oneOf(c.TerminationMessagePolicy, at.Child("terminationMessagePolicy"),
		corev1.TerminationMessageReadFile, corev1.TerminationMessageFallbackToLogsOnError)...)
	errs = append(errs, validateContainerRestart(c, at)...)
	errs = append(errs, validatePorts(c.Ports, s.HostNetwork, at.Child("ports"))...)
	errs = append(errs, validateEnv(c, volumes, at)...)
	errs = append(errs, validateMounts(c, volumes, at)...)
	errs = append(errs, validateContainerResources(&c.Resources, at.Child("resources"))...)
	errs = append(errs, validateResizePolicy(c.ResizePolicy, s.RestartPolicy, at.Child("resizePolicy"))...)
	return append(errs, validateContainerSecurity(c.SecurityContext, s, at.Child("securityContext"))...)
}

func validateImage(image string, p *field.Path) field.ErrorList {
	if image == "" {
		return field.ErrorList{field.Required(p, "")}
	}
	if strings.TrimSpace(image) != image {
		return field.ErrorList{field.Invalid(p, image, "must not have leading or trailing whitespace")}
	}
	return nil
}

func validateContainerRestart(c *corev1.Container, at *field.Path) (errs field.ErrorList) {
	if c.RestartPolicy == nil {
		if len(c.RestartPolicyRules) > 0 {
			errs = append(errs, field.Required(at.Child("restartPolicy"), "must specify restartPolicy when restart rules are used"))
		}
		return errs
	}
	errs = oneOf(*c.RestartPolicy, at.Child("restartPolicy"), corev1.ContainerRestartPolicyAlways,
		corev1.ContainerRestartPolicyNever, corev1.ContainerRestartPolicyOnFailure)
	if len(c.RestartPolicyRules) > 20 {
		errs = append(errs, field.TooMany(at.Child("restartPolicyRules"), len(c.RestartPolicyRules), 20))
	}
	for i, r := range c.RestartPolicyRules {
		rule := at.Child("restartPolicyRules").Index(i)
		errs = append(errs, oneOf(r.Action, rule.Child("action"), corev1.ContainerRestartRuleActionRestart, "RestartAllContainers")...)
		if r.ExitCodes == nil {
			errs = append(errs, field.Required(rule.Child("exitCodes"), "must be specified"))
			continue
		}
		errs = append(errs, oneOf(r.ExitCodes.Operator, rule.Child("exitCodes", "operator"),
			corev1.ContainerRestartRuleOnExitCodesOpIn, corev1.ContainerRestartRuleOnExitCodesOpNotIn)...)
		if len(r.ExitCodes.Values) > 255 {
			errs = append(errs, field.TooMany(rule.Child("exitCodes", "values"), len(r.ExitCodes.Values), 255))
		}
	}
	return errs
}

func validatePorts(ports []corev1.ContainerPort, hostNetwork bool, p *field.Path) (errs field.ErrorList) {
	var names sets.Set[string]
	for i := range ports {
		port, at := &ports[i], p.Index(i)
		if port.Name != "" {
			complaints := validation.IsValidPortName(port.Name)
			errs = append(errs, invalids(at.Child("name"), port.Name, complaints)...)
			if names.Has(port.Name) {
				errs = append(errs, field.Duplicate(at.Child("name"), port.Name))
			} else if len(complaints) == 0 {
				names = inserted(names, port.Name)
			}
		}
		if port.ContainerPort == 0 {
			errs = append(errs, field.Required(at.Child("containerPort"), ""))
		} else {
			errs = append(errs, validatePort(port.ContainerPort, at.Child("containerPort"))...)
		}
		if port.HostPort != 0 {
			errs = append(errs, validatePort(port.HostPort, at.Child("hostPort"))...)
		}
		if hostNetwork && port.HostPort != port.ContainerPort {
			errs = append(errs, field.Invalid(at.Child("containerPort"), port.ContainerPort, "must match `hostPort` when `hostNetwork` is true"))
		}
		if port.HostIP != "" {
			errs = append(errs, validation.IsValidIP(at.Child("hostIP"), port.HostIP)...)
		}
		errs = append(errs, oneOf(port.Protocol, at.Child("protocol"), corev1.ProtocolSCTP, corev1.ProtocolTCP, corev1.ProtocolUDP)...)
	}
	return errs
}

func inserted(s sets.Set[string], v string) sets.Set[string] {
	if s == nil {
		s = sets.New[string]()
	}
	return s.Insert(v)
}

func validatePort(port int32, p *field.Path) field.ErrorList {
	if 1 <= port && port <= 65535 {
		return nil
	}
	return field.ErrorList{field.Invalid(p, port, validation.InclusiveRangeError(1, 65535))}
}

// hostPortConflicts finds ports of the host that two of the containers want.
func hostPortConflicts(containers []corev1.Container, p *field.Path) (errs field.ErrorList) {
	var taken sets.Set[string]
	for i := range containers {
		for j, port := range containers[i].Ports {
			if port.HostPort == 0 {
				continue
			}
			key := fmt.Sprintf("%s/%s/%d", port.Protocol, port.HostIP, port.HostPort)
			if taken.Has(key) {
				errs = append(errs, field.Duplicate(p.Index(i).Child("ports").Index(j).Child("hostPort"), key))
			}
			taken = inserted(taken, key)
		}
	}
	return errs
}
