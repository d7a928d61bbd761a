package pod

import (
	"fmt"
	"slices"
	"strings"
)

// safeSysctls are kernel parameters that belong to a pod's namespaces alone and cost no other pod.
var safeSysctls = []string{
	"kernel.shm_rmid_forced", "net.ipv4.ip_local_port_range", "net.ipv4.ip_local_reserved_ports", "net.ipv4.ip_unprivileged_port_start",
	"net.ipv4.ping_group_range", "net.ipv4.tcp_fin_timeout", "net.ipv4.tcp_keepalive_intvl", "net.ipv4.tcp_keepalive_probes",
	"net.ipv4.tcp_keepalive_time", "net.ipv4.tcp_rmem", "net.ipv4.tcp_syncookies", "net.ipv4.tcp_wmem",
}

// admit refuses a pod that this node may not run.
func (s *State) admit() {
	ctx := s.Pod.Spec.SecurityContext
	if s.terminal || ctx == nil {
		return
	}
	for _, ctl := range ctx.Sysctls {
		why := ""
		name := strings.ReplaceAll(ctl.Name, "/", ".")
		switch {
		case !slices.Contains(safeSysctls, name):
			why = "not allowlisted"
		case s.Pod.Spec.HostNetwork && strings.HasPrefix(name, "net."):
			why = "not allowed with host net enabled"
		case s.Pod.Spec.HostIPC && strings.HasPrefix(name, "kernel."):
			why = "not allowed with host ipc enabled"
		}
		if why != "" {
			s.Fail("SysctlForbidden", fmt.Sprintf("Pod was rejected: forbidden sysctl: %q %s", ctl.Name, why))
			s.warn("", s.reason, s.message)
			return
		}
	}
}

// rejected says that the pod failed before it had a container, of which there is then nothing to tell.
func (s *State) rejected() bool {
	if !s.terminal || s.reason == "" {
		return false
	}
	return !slices.ContainsFunc(s.containers, func(c *container) bool {
		return c.id != "" || c.old != "" || s.told(c.spec.Name) != nil
	})
}
