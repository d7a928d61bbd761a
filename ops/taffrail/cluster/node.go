package cluster

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/sync/errgroup"
	"google.golang.org/protobuf/proto"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"taffrail.dev/events/bus"
	"taffrail.dev/events/command"
	"taffrail.dev/events/errs"
	"taffrail.dev/events/fold"
	"taffrail.dev/events/journal"
	"taffrail.dev/events/process"
	"taffrail.dev/events/subject"
	"taffrail.dev/gateway/access/pki"
	"taffrail.dev/gateway/discovery"
	"taffrail.dev/nodeagent"
	"taffrail.dev/nodeagent/network"
	"taffrail.dev/nodeagent/proxy"
	"taffrail.dev/nodeagent/proxy/dataplane"
	"taffrail.dev/ops/taffrail/datadir"
	nodev1 "taffrail.dev/proto/gen/node/v1"
)

// kubeletPort is where the node's API listens.
const kubeletPort = 10250

// errFound ends a follower that has seen what it waited for.
var errFound = errors.New("found")

// identity is who a node's API is, and who may ask it.
type identity struct {
	certificate tls.Certificate
	clients     *x509.CertPool
}

func (i *instance) identity() identity {
	return identity{i.keys.Nodes[i.name].Serving.TLS(), i.keys.CA}
}

// startNode runs this machine as a node, and returns once its agent is up.
func (i *instance) startNode(ctx context.Context, group *errgroup.Group, self identity) error {
	nc, err := i.bus.Conn(bus.Node(i.name))
	if err != nil {
		return err
	}
	assign, err := i.bus.Journal(bus.Node(i.name), subject.Assign, journal.Options{FilterAtServer: true})
	if err != nil {
		return err
	}
	commands := bus.NewCommander(nc, subject.NodeActor, i.name)
	pods, err := i.podRange(ctx, assign, commands)
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
	agent := nodeagent.New(nodeagent.Config{
		NodeName: i.name, Addresses: []netip.Addr{i.address},
		DataDir: i.Dir.Path("node"), StateDir: stateDir(i.Dir), Socket: i.Dir.Containerd(), BinDir: binDir(), CgroupRoot: cgroupRoot(i.Dir),
		Assign: assign, Conn: nc, Commands: commands, Network: pod, Proxy: services,
		ClusterDNS: []string{dnsAddress.String()}, ClusterDomain: clusterDomain, RegistryConfig: i.RegistryConfig,
		Listener: listener, Certificate: self.certificate, Clients: self.clients, Names: []string{pki.GatewayName},
		MetricsPage: promhttp.HandlerFor(i.metrics, promhttp.HandlerOpts{}),
		Version:     discovery.DefaultVersion().GitVersion, Log: i.Log, Metrics: i.metrics, Ready: func() { close(ready) },
	})
	group.Go(func() error { return part("proxy", services.Run(ctx)) })
	group.Go(func() error { return part("node agent", agent.Run(ctx)) })
	select {
	case <-ready:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// podRange registers the node and waits until it is told the range of addresses that it has.
func (i *instance) podRange(ctx context.Context, assign journal.Reader, commands process.Commander) (pods netip.Prefix, err error) {
	key := subject.Object{Resource: subject.Nodes, Name: i.name}
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: i.name}}
	if _, err := commands.Do(ctx, command.Create(key, node, "node registers")); err != nil && !errs.Is(err, errs.AlreadyExists) {
		return pods, fmt.Errorf("register node %s: %w", i.name, err)
	}
	told := subject.Assignment{Object: key}.Subject()
	err = assign.Read(ctx, 1, []string{subject.AssignAllFilter()}, func(batch []journal.Message, _ uint64) error {
		for _, m := range batch {
			if m.Subject != told {
				continue
			}
			var a nodev1.Assignment
			var node corev1.Node
			if err := errors.Join(proto.Unmarshal(m.Data, &a), node.Unmarshal(a.GetState())); err != nil {
				return fmt.Errorf("read what node %s is told: %w", i.name, err)
			}
			if node.Spec.PodCIDR == "" {
				continue
			}
			var err error
			if pods, err = netip.ParsePrefix(node.Spec.PodCIDR); err != nil {
				return err
			}
			return errFound
		}
		return nil
	})
	if errors.Is(err, errFound) {
		err = nil
	}
	return pods, err
}

// awaitReady waits until this node counts as ready.
func (i *instance) awaitReady(ctx context.Context, feed *fold.Feed) error {
	err := feed.Follow(ctx, []subject.Resource{subject.Nodes}, func(b fold.Batch) error {
		for _, e := range b.Events {
			if e.Key().Name != i.name || e.Gone() {
				continue
			}
			node, err := fold.Decode[corev1.Node, *corev1.Node](e)
			if err != nil {
				return err
			}
			if slices.ContainsFunc(node.Status.Conditions, isReady) {
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

func isReady(c corev1.NodeCondition) bool {
	return c.Type == corev1.NodeReady && c.Status == corev1.ConditionTrue
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
func stateDir(dir datadir.Dir) string { return filepath.Join("/run/taffrail", instanceID(dir)) }

// cgroupRoot is the group that all of the instance's pods are in.
func cgroupRoot(dir datadir.Dir) string { return "/kubepods-" + instanceID(dir) }

// instanceID tells the instances on one machine apart, by their data dirs.
func instanceID(dir datadir.Dir) string {
	absolute, err := filepath.Abs(string(dir))
	if err != nil {
		absolute = string(dir)
	}
	sum := sha256.Sum256([]byte(absolute))
	return fmt.Sprintf("%x", sum[:4])
}

// server is the address of the gateway that the kubeconfig names.
func (i *instance) server() string {
	return "https://" + net.JoinHostPort("127.0.0.1", strconv.Itoa(i.HTTPSPort))
}
