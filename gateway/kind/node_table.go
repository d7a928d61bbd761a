package kind

import (
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
)

func nodeColumns() []Column {
	text := func(name string, priority int32, f func(n *corev1.Node) string) Column {
		return column(name, "string", priority, func(n *corev1.Node, _ time.Time) any { return f(n) })
	}
	address := func(t corev1.NodeAddressType) func(n *corev1.Node) string {
		return func(n *corev1.Node) string {
			for _, a := range n.Status.Addresses {
				if a.Type == t {
					return a.Address
				}
			}
			return "<none>"
		}
	}
	known := func(f func(*corev1.NodeSystemInfo) string) func(n *corev1.Node) string {
		return func(n *corev1.Node) string {
			if s := f(&n.Status.NodeInfo); s != "" {
				return s
			}
			return "<unknown>"
		}
	}
	return []Column{
		text("Status", 0, nodeState),
		text("Roles", 0, nodeRoles),
		ageColumn,
		text("Version", 0, func(n *corev1.Node) string { return n.Status.NodeInfo.KubeletVersion }),
		text("Internal-IP", 1, address(corev1.NodeInternalIP)),
		text("External-IP", 1, address(corev1.NodeExternalIP)),
		text("OS-Image", 1, known(func(i *corev1.NodeSystemInfo) string { return i.OSImage })),
		text("Kernel-Version", 1, known(func(i *corev1.NodeSystemInfo) string { return i.KernelVersion })),
		text("Container-Runtime", 1, known(func(i *corev1.NodeSystemInfo) string { return i.ContainerRuntimeVersion })),
	}
}

func nodeState(n *corev1.Node) string {
	state := "Unknown"
	for _, c := range n.Status.Conditions {
		if c.Type != corev1.NodeReady {
			continue
		}
		if state = "NotReady"; c.Status == corev1.ConditionTrue {
			state = "Ready"
		}
	}
	if n.Spec.Unschedulable {
		state += ",SchedulingDisabled"
	}
	return state
}

func nodeRoles(n *corev1.Node) string {
	var roles []string
	for k, v := range n.Labels {
		if role, ok := strings.CutPrefix(k, "node-role.kubernetes.io/"); ok && role != "" {
			roles = append(roles, role)
		} else if k == "kubernetes.io/role" && v != "" {
			roles = append(roles, v)
		}
	}
	slices.Sort(roles)
	return orNone(slices.Compact(roles))
}
