package cluster

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"taffrail.dev/events/bus"
	"taffrail.dev/events/command"
	"taffrail.dev/events/errs"
	"taffrail.dev/events/fold"
	"taffrail.dev/events/journal"
	"taffrail.dev/events/process"
	"taffrail.dev/events/subject"
	"taffrail.dev/gateway/discovery"
	"taffrail.dev/nodeagent"
	"taffrail.dev/nodeagent/network"
	"taffrail.dev/nodeagent/proxy"
	"taffrail.dev/nodeagent/proxy/dataplane"
	"taffrail.dev/ops/taffrail/datadir"
)

// kubeletPort is where the node's API listens.
const kubeletPort = 10250

// errFound ends a follower that has seen what it waited for.
var errFound = errors.New("found")

// startNode runs this machine as a node, and returns once pods can run on it.
func (i *instance) startNode(ctx context.Context, group *errgroup.Group, feed *fold.Feed) error {
	nc, err := i.bus.Conn(bus.Node(i.name))
	if err != nil {
		return err
	}
	assign, err := i.bus.Journal(bus.Node(i.name), subject.Assign, journal.Options{FilterAtServer: true})
	if err != nil {
		return err
	}
	commands := bus.NewCommander(nc, subject.NodeActor, i.name)
	pods, err := i.podRange(ctx, feed, commands)
	if err != nil {
		return err
	}
	pod, services, err := i.network(pods)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", netip.AddrPortFrom(i.address, kubeletPort).String())
	if err != nil {
		return fmt.Errorf("the node's API: %w", err)
	}
	ready := make(chan struct{})
	pair := i.keys.Nodes[i.name]
	agent := nodeagent.New(nodeagent.Config{
		NodeName: i.name, Addresses: []netip.Addr{i.address},
		DataDir: i.Dir.Path("node"), StateDir: stateDir(i.Dir), Socket: i.Dir.Containerd(), BinDir: binDir(),
		Assign: assign, Conn: nc, Commands: commands, Network: pod, Proxy: services,
		ClusterDNS: []string{dnsAddress.String()}, ClusterDomain: clusterDomain, RegistryConfig: i.RegistryConfig,
		Listener: listener, Certificate: pair.Serving.TLS(), Clients: i.keys.CA, Names: []string{i.keys.KubeletClient.Leaf.Subject.CommonName},
		MetricsPage: promhttp.HandlerFor(i.metrics, promhttp.HandlerOpts{}),
		Version:     discovery.DefaultVersion().GitVersion, Log: i.Log, Metrics: i.metrics, Ready: func() { close(ready) },
	})
	group.Go(func() error { return part("proxy", services.Run(ctx)) })
	group.Go(func() error { return part("node agent", agent.Run(ctx)) })
	select {
	case <-ready:
	case <-ctx.Done():
		return ctx.Err()
	}
	return i.awaitNode(ctx, feed, nodeReady)
}

// podRange registers the node and waits for the range of addresses that it is given.
func (i *instance) podRange(ctx context.Context, feed *fold.Feed, commands process.Commander) (netip.Prefix, error) {
	key := subject.Object{Resource: subject.Nodes, Name: i.name}
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: i.name}}
	if _, err := commands.Do(ctx, command.Create(key, node, "node registers")); err != nil && !errs.Is(err, errs.AlreadyExists) {
		return netip.Prefix{}, fmt.Errorf("register node %s: %w", i.name, err)
	}
	var pods netip.Prefix
	err := i.awaitNode(ctx, feed, func(n *corev1.Node) (done bool, err error) {
		if n.Spec.PodCIDR == "" {
			return false, nil
		}
		pods, err = netip.ParsePrefix(n.Spec.PodCIDR)
		return true, err
	})
	return pods, err
}

// nodeReady says whether the node counts as ready.
func nodeReady(n *corev1.Node) (bool, error) {
	for _, c := range n.Status.Conditions {
		if c.Type == corev1.NodeReady {
			return c.Status == corev1.ConditionTrue, nil
		}
	}
	return false, nil
}

// awaitNode follows this node's object until done says so.
func (i *instance) awaitNode(ctx context.Context, feed *fold.Feed, done func(*corev1.Node) (bool, error)) error {
	err := feed.Follow(ctx, []subject.Resource{subject.Nodes}, func(b fold.Batch) error {
		for _, e := range b.Events {
			if e.Key().Name != i.name || e.Gone() {
				continue
			}
			node, err := fold.Decode[corev1.Node, *corev1.Node](e)
			if err != nil {
				return err
			}
			found, err := done(node)
			if err != nil {
				return err
			}
			if found {
				return errFound
			}
		}
		return nil
	})
	if errors.Is(err, errFound) {
		return nil
	}
	return err
}

// network is the pods' network and the services' proxy.
func (i *instance) network(pods netip.Prefix) (network.Network, *proxy.Proxy, error) {
	bridge, err := network.NewBridge(networkConfig(i.Dir, pods))
	if err != nil {
		return nil, nil, err
	}
	plane, mode, err := dataplane.Choose(dataplane.Config{Pods: podRange})
	if err != nil {
		return nil, nil, err
	}
	i.Progress.Done("proxy by " + mode)
	return bridge, proxy.New(proxy.Config{Node: i.name, Dataplane: plane, Log: i.Log, Metrics: i.metrics}), nil
}

func networkConfig(dir datadir.Dir, pods netip.Prefix) network.Config {
	return network.Config{Dir: dir.Path("network"), PodCIDR: pods, ClusterCIDR: podRange, ServiceCIDR: serviceRange}
}

// binDir is where the programs are that the node runs: beside this one.
func binDir() string {
	self, err := os.Executable()
	if err != nil {
		return "."
	}
	return filepath.Dir(self)
}

// stateDir is for what does not outlive a reboot; short, as sockets are in it.
func stateDir(dir datadir.Dir) string {
	absolute, err := filepath.Abs(string(dir))
	if err != nil {
		absolute = string(dir)
	}
	sum := sha256.Sum256([]byte(absolute))
	return filepath.Join("/run/taffrail", fmt.Sprintf("%x", sum[:4]))
}

// server is the address of the gateway that the kubeconfig names.
func (i *instance) server() string {
	return "https://" + net.JoinHostPort("127.0.0.1", strconv.Itoa(i.HTTPSPort))
}
