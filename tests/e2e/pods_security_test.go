package e2e

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// status is a line of a container's /proc/self/status.
func status(t *testing.T, ns, pod, name string) string {
	t.Helper()
	return strings.TrimSpace(shell(t, ns, pod, "grep ^"+name+": /proc/self/status | cut -d: -f2"))
}

// capabilities is a set of a container's.
func capabilities(t *testing.T, ns, pod, set string) uint64 {
	t.Helper()
	bits, err := strconv.ParseUint(status(t, ns, pod, set), 16, 64)
	if err != nil {
		t.Fatal(err)
	}
	return bits
}

// What a container may do is what its security context says, and little without one.
func TestPodSecurity(t *testing.T) {
	t.Parallel()
	ns := pods(t, "pods-security.yaml")
	ready(t, ns, "default", "confined", "privileged")
	const usual = 0xa80425fb // the fourteen that container runtimes grant
	const admin, chown, mknod = 1 << unix.CAP_NET_ADMIN, 1 << unix.CAP_CHOWN, 1 << unix.CAP_MKNOD
	equal(t, "usually", fmt.Sprintf("%x %x", capabilities(t, ns, "default", "CapEff"), capabilities(t, ns, "default", "CapBnd")), fmt.Sprintf("%x %[1]x", usual))
	equal(t, "usually, the profile and privileges", status(t, ns, "default", "Seccomp")+status(t, ns, "default", "NoNewPrivs"), "00")
	equal(t, "usually", shell(t, ns, "default", "id -u; id -g; touch /root-file && echo writable; test -e /dev/kmsg || echo no devices; (echo 1 > /proc/sys/kernel/panic) 2>/dev/null || echo read-only; mount -t tmpfs x /tmp 2>/dev/null || echo no mounts"),
		"0\n0\nwritable\nno devices\nread-only\nno mounts")

	equal(t, "confined", shell(t, ns, "confined -c app", "id -u; id -g; id -G | tr ' ' '\\n' | sort -n | tr '\\n' ' '; touch /x 2>&1; cat /proc/sys/net/ipv4/ip_unprivileged_port_start /proc/sys/kernel/shm_rmid_forced"),
		"1000\n2000\n2000 4000 5000 touch: /x: Read-only file system\n1024\n1")
	equal(t, "confined, the profile and privileges", status(t, ns, "confined -c app", "Seccomp")+status(t, ns, "confined -c app", "NoNewPrivs"), "21")
	if bits := capabilities(t, ns, "confined -c app", "CapBnd"); bits != 0 {
		t.Errorf("all were dropped, %x stay", bits)
	}
	equal(t, "another container", shell(t, ns, "confined -c other", "id -u; id -g"), "0\n2000")
	equal(t, "another container's profile", status(t, ns, "confined -c other", "Seccomp"), "0")
	if bits := capabilities(t, ns, "confined -c other", "CapEff"); bits != usual&^(chown|mknod)|admin {
		t.Errorf("with one more and two less: %x", bits)
	}
	if bits := capabilities(t, ns, "privileged", "CapEff"); bits&^uint64(usual) == 0 || bits&admin == 0 {
		t.Errorf("privileged: %x", bits)
	}
	equal(t, "privileged", shell(t, ns, "privileged", "test -e /dev/full && echo devices; mount -t tmpfs x /tmp && echo mounts"), "devices\nmounts")

	await(t, ns, "would-be-root", "{.status.containerStatuses[0].state.waiting.reason}", "CreateContainerConfigError")
	contains(t, field(t, ns, "would-be-root", "{.status.containerStatuses[0].state.waiting.message}"), "container has runAsNonRoot and image will run as root (pod: \"would-be-root_"+ns, ", container: app)")
	await(t, ns, "unsafe", "{.status.reason}", "SysctlForbidden")
	contains(t, shared.Must(t, "get", "-n", ns, "pod", "unsafe"), " SysctlForbidden ")
}

// Containers share with each other, and with the host, what the pod says, and have the names it says.
func TestPodNamespaces(t *testing.T) {
	t.Parallel()
	ns := pods(t, "pods-namespaces.yaml")
	ready(t, ns, "shares", "host", "resolves", "adds", "port")
	in := func(pod, command string) string { t.Helper(); return shell(t, ns, pod, command) }
	equal(t, "the other's processes", in("shares -c two", "for p in $(pidof sleep); do tr '\\0' ' ' < /proc/$p/cmdline; done | grep -o 1234; for p in $(pidof sleep); do cat /proc/$p/root/marker 2>/dev/null; done; cat /proc/1/comm"), "1234\nfrom one\npause")
	equal(t, "the name", in("shares -c one", "hostname; hostname -f"), "custom\ncustom.sub."+ns+".svc.cluster.local")
	contains(t, in("shares -c one", "cat /etc/hosts"), "# Entries added by HostAliases.\n192.0.2.99\told.example.com\told", "\tcustom.sub."+ns+".svc.cluster.local\tcustom\n")
	host := map[string]string{}
	for _, kind := range []string{"net", "pid", "ipc", "uts"} {
		link, err := os.Readlink("/proc/self/ns/" + kind)
		if err != nil {
			t.Fatal(err)
		}
		host[kind] = link
		if got := strings.TrimSpace(in("resolves", "readlink /proc/self/ns/"+kind)); got == link {
			t.Errorf("without being asked a pod shares the host's %s", link)
		}
	}
	equal(t, "the host's namespaces", in("host", "for n in net pid ipc uts; do readlink /proc/self/ns/$n; done"), host["net"]+"\n"+host["pid"]+"\n"+host["ipc"]+"\n"+host["uts"])
	equal(t, "the host's address", field(t, ns, "host", "{.status.podIP} {.status.hostIP}"), "192.0.2.10 192.0.2.10")
	contains(t, in("host", "cat /etc/hosts /etc/resolv.conf"), "192.0.2.99\told.example.com", "search "+ns+".svc.cluster.local svc.cluster.local cluster.local", "nameserver 10.", "ndots:5")
	if text, err := fetch("http://192.0.2.10:18080/name"); err != nil || text != "port\n" {
		t.Errorf("the node's port answers %q %v", text, err)
	}
	equal(t, "the pod through the API", shared.Must(t, "get", "--raw", "/api/v1/namespaces/"+ns+"/pods/port:8080/proxy/name"), "port")
	equal(t, "the pod's own resolver", in("resolves", "cat /etc/resolv.conf"), "search example.com sub.example.com\nnameserver 192.0.2.53\noptions ndots:2 edns0")
	contains(t, in("adds", "cat /etc/resolv.conf"), "search "+ns+".svc.cluster.local svc.cluster.local cluster.local", " example.com\n", "options ndots:1\n")
}

// Requests and limits are in the containers' control groups.
func TestPodResources(t *testing.T) {
	t.Parallel()
	ns := pods(t, "pods-resources.yaml")
	ready(t, ns, "burstable", "guaranteed")
	const show = `cd /sys/fs/cgroup; if test -e cgroup.controllers; then cat cpu.max memory.max; else
cat cpu/cpu.shares; echo $(cat cpu/cpu.cfs_quota_us cpu/cpu.cfs_period_us); cat memory/memory.limit_in_bytes; fi`
	unified := strings.Contains(shell(t, ns, "guaranteed", "ls /sys/fs/cgroup"), "cgroup.controllers")
	want := func(one, two string) string {
		if unified {
			return two
		}
		return one
	}
	equal(t, "burstable", shell(t, ns, "burstable -c app", show), want("256\n50000 100000\n67108864", "50000 100000\n67108864"))
	contains(t, shell(t, ns, "burstable -c free", show), want("2\n-1 100000\n9223372036854771712", "max 100000\nmax"))
	equal(t, "guaranteed", shell(t, ns, "guaranteed", show), want("204\n20000 100000\n50331648", "20000 100000\n50331648"))
	await(t, ns, "big-init", "{.status.phase}", "Succeeded") // the pod's bounds are those of its peak
	node := field(t, ns, "burstable", "{.spec.nodeName}")
	contains(t, shared.Must(t, "get", "--raw", "/api/v1/nodes/"+node+"/proxy/stats/summary"), `"namespace":"`+ns+`"`, `"workingSetBytes":`, `"usageCoreNanoSeconds":`)
	equal(t, "the class", field(t, ns, "burstable", "{.status.qosClass}"), "Burstable")
	equal(t, "the class", field(t, ns, "guaranteed", "{.status.qosClass}"), "Guaranteed")
	contains(t, shared.Must(t, "describe", "-n", ns, "pod/guaranteed"), "QoS Class:", "Guaranteed", "cpu:     200m", "memory:  48Mi")
}
