package runtime

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/containerd/containerd/v2/contrib/seccomp"
	"github.com/opencontainers/runtime-spec/specs-go"
	corev1 "k8s.io/api/core/v1"
)

// defaultCapabilities are what a container has unless it adds or drops some.
var defaultCapabilities = []string{
	"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FSETID", "CAP_FOWNER", "CAP_MKNOD", "CAP_NET_RAW", "CAP_SETGID",
	"CAP_SETUID", "CAP_SETFCAP", "CAP_SETPCAP", "CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT", "CAP_KILL", "CAP_AUDIT_WRITE",
}

var allCapabilities = append([]string{
	"CAP_DAC_READ_SEARCH", "CAP_LINUX_IMMUTABLE", "CAP_NET_BROADCAST", "CAP_NET_ADMIN", "CAP_IPC_LOCK", "CAP_IPC_OWNER",
	"CAP_SYS_MODULE", "CAP_SYS_RAWIO", "CAP_SYS_PTRACE", "CAP_SYS_PACCT", "CAP_SYS_ADMIN", "CAP_SYS_BOOT", "CAP_SYS_NICE",
	"CAP_SYS_RESOURCE", "CAP_SYS_TIME", "CAP_SYS_TTY_CONFIG", "CAP_LEASE", "CAP_AUDIT_CONTROL", "CAP_MAC_OVERRIDE",
	"CAP_MAC_ADMIN", "CAP_SYSLOG", "CAP_WAKE_ALARM", "CAP_BLOCK_SUSPEND", "CAP_AUDIT_READ", "CAP_PERFMON", "CAP_BPF",
	"CAP_CHECKPOINT_RESTORE",
}, defaultCapabilities...)

var maskedPaths = []string{
	"/proc/asound", "/proc/acpi", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list",
	"/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/sys/firmware", "/sys/devices/virtual/powercap",
}

var readonlyPaths = []string{"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"}

// effective is a container's security context with the pod's filled in.
type effective struct {
	corev1.SecurityContext
	groups  []int64
	fsGroup *int64
	policy  corev1.SupplementalGroupsPolicy
}

func effectiveSecurity(pod *corev1.Pod, c *corev1.Container) effective {
	var e effective
	if c.SecurityContext != nil {
		e.SecurityContext = *c.SecurityContext
	}
	p := pod.Spec.SecurityContext
	if p == nil {
		return e
	}
	if e.RunAsUser == nil {
		e.RunAsUser = p.RunAsUser
	}
	if e.RunAsGroup == nil {
		e.RunAsGroup = p.RunAsGroup
	}
	if e.RunAsNonRoot == nil {
		e.RunAsNonRoot = p.RunAsNonRoot
	}
	if e.SeccompProfile == nil {
		e.SeccompProfile = p.SeccompProfile
	}
	if e.AppArmorProfile == nil {
		e.AppArmorProfile = p.AppArmorProfile
	}
	e.groups, e.fsGroup = p.SupplementalGroups, p.FSGroup
	if p.SupplementalGroupsPolicy != nil {
		e.policy = *p.SupplementalGroupsPolicy
	}
	return e
}

func (e effective) privileged() bool { return e.Privileged != nil && *e.Privileged }

// noNewPrivileges follows Kubernetes: only an explicit false forbids gaining privileges.
func (e effective) noNewPrivileges() bool {
	return e.AllowPrivilegeEscalation != nil && !*e.AllowPrivilegeEscalation
}

// capabilities are the set a container gets; the bounding set decides what root keeps.
func (e effective) capabilities() []string {
	if e.privileged() {
		return knownCapabilities(allCapabilities)
	}
	set := append([]string(nil), defaultCapabilities...)
	if e.Capabilities == nil {
		return set
	}
	for _, add := range e.Capabilities.Add {
		if strings.EqualFold(string(add), "ALL") {
			set = append([]string(nil), knownCapabilities(allCapabilities)...)
			break
		}
	}
	for _, drop := range e.Capabilities.Drop {
		if strings.EqualFold(string(drop), "ALL") {
			set = nil
		}
		set = without(set, capability(drop))
	}
	for _, add := range e.Capabilities.Add {
		if name := capability(add); name != "CAP_ALL" {
			set = append(without(set, name), name)
		}
	}
	return set
}

func capability(c corev1.Capability) string {
	name := strings.ToUpper(string(c))
	if !strings.HasPrefix(name, "CAP_") {
		name = "CAP_" + name
	}
	return name
}

// knownCapabilities leaves out those that this node's own bounding set lacks, which no
// process started here could be given.
func knownCapabilities(set []string) []string {
	var out []string
	for _, c := range set {
		if hostCapabilities()[c] {
			out = append(out, c)
		}
	}
	return out
}

func without(set []string, name string) []string {
	out := set[:0:0]
	for _, s := range set {
		if s != name {
			out = append(out, s)
		}
	}
	return out
}

// applySecurity fills the parts of the spec that confine the process.
func applySecurity(s *specs.Spec, e effective, rootUser bool, from profiles) error {
	caps := e.capabilities()
	s.Process.Capabilities = &specs.LinuxCapabilities{Bounding: caps, Effective: caps, Permitted: caps}
	if !rootUser {
		// A process of another user keeps capabilities only where a file grants them.
		s.Process.Capabilities.Effective, s.Process.Capabilities.Permitted = nil, nil
	}
	s.Process.NoNewPrivileges = e.noNewPrivileges()
	if !e.privileged() && (e.ProcMount == nil || *e.ProcMount == corev1.DefaultProcMount) {
		s.Linux.MaskedPaths, s.Linux.ReadonlyPaths = maskedPaths, readonlyPaths
	}
	if e.ReadOnlyRootFilesystem != nil {
		s.Root.Readonly = *e.ReadOnlyRootFilesystem
	}
	profile := e.SeccompProfile
	if profile == nil && from.always {
		profile = &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault}
	}
	if e.privileged() || profile == nil {
		return nil
	}
	return applySeccomp(s, profile, from.root)
}

// profiles is where Localhost seccomp profiles are, and whether the default one is for all.
type profiles struct {
	root   string
	always bool
}

func applySeccomp(s *specs.Spec, p *corev1.SeccompProfile, root string) error {
	switch p.Type {
	case corev1.SeccompProfileTypeRuntimeDefault:
		s.Linux.Seccomp = seccomp.DefaultProfile(s)
	case corev1.SeccompProfileTypeLocalhost:
		if p.LocalhostProfile == nil || !filepath.IsLocal(*p.LocalhostProfile) {
			return fmt.Errorf("localhostProfile must be a path below %s", root)
		}
		b, err := os.ReadFile(filepath.Join(root, *p.LocalhostProfile))
		if err != nil {
			return fmt.Errorf("cannot load seccomp profile: %w", err)
		}
		s.Linux.Seccomp = &specs.LinuxSeccomp{}
		if err := json.Unmarshal(b, s.Linux.Seccomp); err != nil {
			return fmt.Errorf("cannot load seccomp profile %q: %w", *p.LocalhostProfile, err)
		}
	}
	return nil
}
