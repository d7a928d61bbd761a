package network

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"

	"github.com/containernetworking/cni/libcni"
	"github.com/containernetworking/cni/pkg/invoke"
	"github.com/containernetworking/cni/pkg/types"
	current "github.com/containernetworking/cni/pkg/types/100"
	"github.com/containernetworking/cni/pkg/version"

	"taffrail.dev/nodeagent/network/netns"
)

// CNI connects sandboxes by the standard plugins: bridge, with host-local addresses. Where the
// kernel cannot show bridged traffic to the host's rules, the bridge's ports are isolated from
// each other, so that the host routes between them.
type CNI struct {
	host    host
	plugins *libcni.CNIConfig
	list    *libcni.NetworkConfigList
}

var _ Network = (*CNI)(nil)

// NewCNI writes the CNI configuration to config.Dir; the kernel is left for the first Setup.
func NewCNI(config Config) (*CNI, error) {
	config, err := config.complete()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(config.Dir, 0o755); err != nil {
		return nil, err
	}
	conflist := config.conflist(!bridgeFilter(config.HostNS))
	path := filepath.Join(config.Dir, "10-"+networkName+".conflist")
	if err := os.WriteFile(path, conflist, 0o644); err != nil {
		return nil, err
	}
	list, err := libcni.ConfListFromBytes(conflist)
	if err != nil {
		return nil, fmt.Errorf("cni configuration: %w", err)
	}
	// Left to itself the library makes this at the first call, which may be several at once.
	exec := &invoke.DefaultExec{RawExec: &invoke.RawExec{Stderr: os.Stderr}, PluginDecoder: version.PluginDecoder{}}
	plugins := libcni.NewCNIConfigWithCacheDir([]string{config.PluginDir}, filepath.Join(config.Dir, "cni"), exec)
	return &CNI{host: host{config: config}, plugins: plugins, list: list}, nil
}

// conflist is the CNI configuration, as files under /etc/cni/net.d are.
func (c Config) conflist(isolate bool) []byte {
	type object = map[string]any
	list, err := json.MarshalIndent(object{
		"cniVersion": "1.0.0",
		"name":       networkName,
		"plugins": []object{{
			"type": "bridge", "bridge": c.Bridge, "mtu": c.MTU,
			"isGateway": true, "isDefaultGateway": true, "ipMasq": false,
			"hairpinMode": true, "portIsolation": isolate,
			"ipam": object{
				"type": "host-local", "dataDir": filepath.Join(c.Dir, "networks"),
				"ranges": [][]object{{{"subnet": c.PodCIDR.String()}}},
			},
		}},
	}, "", "  ")
	if err != nil {
		panic(err) // strings, numbers and booleans always encode
	}
	return list
}

// Setup implements Network.
func (c *CNI) Setup(ctx context.Context, s Sandbox) (Result, error) {
	if err := c.host.ready(ctx); err != nil {
		return Result{}, err
	}
	rt := runtimeConf(s)
	if cached, err := c.plugins.GetNetworkListCachedResult(c.list, rt); err == nil && cached != nil {
		return c.open(s, cached)
	}
	var added types.Result
	err := netns.Do(c.host.config.HostNS, func() (err error) {
		added, err = c.plugins.AddNetworkList(ctx, c.list, rt)
		return err
	})
	if err != nil {
		return Result{}, errors.Join(fmt.Errorf("sandbox %s: %w", s.SandboxID, err), c.Teardown(context.WithoutCancel(ctx), s))
	}
	result, err := c.open(s, added)
	if err != nil {
		return Result{}, errors.Join(err, c.Teardown(context.WithoutCancel(ctx), s))
	}
	return result, nil
}

// open reads the plugins' result and opens the host ports.
func (c *CNI) open(s Sandbox, added types.Result) (Result, error) {
	cni, err := current.NewResultFromResult(added)
	if err != nil {
		return Result{}, err
	}
	result := Result{Gateway: c.host.config.gateway(), Interface: interfaceIn}
	for _, ip := range cni.IPs {
		if addr, ok := netip.AddrFromSlice(ip.Address.IP); ok {
			result.IPs = append(result.IPs, addr.Unmap())
		}
	}
	if len(result.IPs) == 0 {
		return Result{}, fmt.Errorf("sandbox %s: the plugins gave no address", s.SandboxID)
	}
	return result, c.host.ports.add(s, result.IPs[0])
}

// Teardown implements Network.
func (c *CNI) Teardown(ctx context.Context, s Sandbox) error {
	if err := c.host.ready(ctx); err != nil {
		return err
	}
	if err := c.host.ports.remove(s.SandboxID); err != nil {
		return err
	}
	rt := runtimeConf(s)
	if !netns.Is(s.NetNS) {
		rt.NetNS = "" // the plugins take this for "gone"
	}
	return netns.Do(c.host.config.HostNS, func() error {
		return c.plugins.DelNetworkList(ctx, c.list, rt)
	})
}

// Prune implements Network.
func (c *CNI) Prune(ctx context.Context, live map[string]bool) error {
	if err := c.host.ready(ctx); err != nil {
		return err
	}
	attachments, err := c.plugins.GetCachedAttachments("")
	if err != nil {
		return err
	}
	dead := map[string]string{}
	for _, a := range attachments {
		dead[a.ContainerID] = a.NetNS
	}
	for _, id := range c.host.ports.sandboxes() {
		dead[id] += ""
	}
	var errs []error
	for id, path := range dead {
		if !live[id] {
			errs = append(errs, c.Teardown(ctx, Sandbox{SandboxID: id, NetNS: path}))
		}
	}
	return errors.Join(append(errs, c.sweep(live))...)
}

// sweep gives back addresses that host-local took and the cache knows nothing of: the agent
// was killed while the plugins ran.
func (c *CNI) sweep(live map[string]bool) error {
	taken, err := loadAddresses(filepath.Join(c.host.config.Dir, "networks", networkName), c.host.config.PodCIDR)
	if err != nil {
		return err
	}
	var errs []error
	for _, id := range taken.sandboxes() {
		if !live[id] {
			errs = append(errs, taken.give(id))
		}
	}
	return errors.Join(errs...)
}

// Cleanup removes the bridge and every rule; pods that still run lose their network.
func (c *CNI) Cleanup(ctx context.Context) error { return c.host.cleanup(ctx) }

func runtimeConf(s Sandbox) *libcni.RuntimeConf {
	return &libcni.RuntimeConf{
		ContainerID: s.SandboxID, NetNS: s.NetNS, IfName: interfaceIn,
		Args: [][2]string{
			{"IgnoreUnknown", "1"}, {"K8S_POD_NAMESPACE", s.PodNamespace}, {"K8S_POD_NAME", s.PodName},
			{"K8S_POD_UID", s.PodUID}, {"K8S_POD_INFRA_CONTAINER_ID", s.SandboxID},
		},
	}
}
