package nodeagent

import (
	"context"
	"fmt"
	"net/netip"
	"path/filepath"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"taffrail.dev/nodeagent/network"
	"taffrail.dev/nodeagent/network/netns"
	"taffrail.dev/nodeagent/pod"
	"taffrail.dev/nodeagent/runtime"
)

// connect gives the pod its addresses.
func (t task) connect(ctx context.Context) pod.Result {
	if t.pod.Spec.HostNetwork {
		own := t.cfg.hostIPs()
		if err := t.writeHosts(own); err != nil {
			return failure(err)
		}
		return pod.Result{IPs: own}
	}
	s := sandboxOf(t.pod.UID, t.pod.Namespace, t.pod.Name, t.netNS(t.pod.UID))
	s.HostPorts = hostPorts(t.pod)
	r, err := t.cfg.Network.Setup(ctx, s)
	if err != nil {
		return failure(fmt.Errorf("plugin failed to set up pod %q network: %w", t.pod.Name+"_"+t.pod.Namespace, err))
	}
	var addresses []string
	for _, ip := range r.IPs {
		addresses = append(addresses, ip.String())
	}
	if err := t.writeHosts(addresses); err != nil {
		return failure(err)
	}
	return pod.Result{IPs: addresses}
}

func sandboxOf(uid types.UID, namespace, name, path string) network.Sandbox {
	return network.Sandbox{PodNamespace: namespace, PodName: name, PodUID: string(uid), SandboxID: string(uid), NetNS: path}
}

func hostPorts(p *corev1.Pod) []network.HostPort {
	var out []network.HostPort
	for _, list := range [][]corev1.Container{p.Spec.InitContainers, p.Spec.Containers} {
		for _, c := range list {
			for _, port := range c.Ports {
				if port.HostPort == 0 {
					continue
				}
				protocol := strings.ToLower(string(port.Protocol))
				if protocol == "" {
					protocol = "tcp"
				}
				h := network.HostPort{Protocol: protocol, HostPort: uint16(port.HostPort), ContainerPort: uint16(port.ContainerPort)}
				h.HostIP, _ = netip.ParseAddr(port.HostIP)
				if h.HostIP.IsValid() && h.HostIP.IsUnspecified() {
					h.HostIP = netip.Addr{}
				}
				out = append(out, h)
			}
		}
	}
	return out
}

func (a *Agent) netNS(uid types.UID) string {
	return filepath.Join(a.cfg.StateDir, "ns", "net", string(uid))
}

// sandboxLeft finds the namespaces that an earlier agent made for a pod.
func (a *Agent) sandboxLeft(p *corev1.Pod) (runtime.Sandbox, bool) {
	var s runtime.Sandbox
	share := p.Spec.ShareProcessNamespace
	if share != nil && *share || p.Spec.HostNetwork {
		return s, false // made again, which finds what is there
	}
	if !netns.Is(a.netNS(p.UID)) {
		return s, false
	}
	s.NetNS = a.netNS(p.UID)
	if !p.Spec.HostIPC {
		s.IPC = filepath.Join(a.cfg.StateDir, "ns", "ipc", string(p.UID))
		if !netns.Is(s.IPC) {
			return s, false
		}
	}
	return s, true
}
