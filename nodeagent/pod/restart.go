package pod

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// restarts says whether an ended container is to be started again: by the first of its rules that its exit code
// meets, else by its own policy, else by the pod's.
func (s *State) restarts(c *container) bool {
	switch {
	case c.kind == Ephemeral:
		return false
	case c.kind == Sidecar:
		return true
	case c.kind == Init && c.exit.Code == 0:
		return false // it has done its part
	case slices.ContainsFunc(c.spec.RestartPolicyRules, func(r corev1.ContainerRestartRule) bool { return meets(r, c.exit.Code) }):
		return true
	}
	policy := s.Pod.Spec.RestartPolicy
	if own := c.spec.RestartPolicy; own != nil {
		policy = corev1.RestartPolicy(*own)
	}
	switch policy {
	case corev1.RestartPolicyNever:
		return false
	case corev1.RestartPolicyOnFailure:
		return c.exit.Code != 0
	}
	return true
}

func meets(r corev1.ContainerRestartRule, code int32) bool {
	if r.Action != corev1.ContainerRestartRuleActionRestart || r.ExitCodes == nil {
		return false
	}
	in := slices.Contains(r.ExitCodes.Values, code)
	return in == (r.ExitCodes.Operator == corev1.ContainerRestartRuleOnExitCodesOpIn)
}
