package nodeagent

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"path/filepath"

	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	corev1 "k8s.io/api/core/v1"

	"taffrail.dev/events/journal"
	"taffrail.dev/events/process"
	"taffrail.dev/nodeagent/logs"
	"taffrail.dev/nodeagent/network"
	"taffrail.dev/nodeagent/proxy"
)

// Config is what a node agent needs.
type Config struct {
	// NodeName is the Node's; Addresses are where it is reached, the first being pods' hostIP.
	NodeName  string
	Addresses []netip.Addr
	// DataDir keeps what survives a reboot (images, pods' folders, logs, the last assignment), StateDir what
	// does not (namespaces, sockets, pipes); its path should be short, as sockets are in it.
	DataDir, StateDir string
	// Socket is containerd's; "" is <StateDir>/containerd.sock.
	Socket string
	// BinDir has containerd, its shim and taffrail-logger.
	BinDir string

	// Assign is the ASSIGN stream with filters applied at the server; Conn, which may be nil, is the
	// connection it is read by, watched for reconnections.
	Assign   journal.Reader
	Conn     *nats.Conn
	Commands process.Commander

	// Network connects pods; Proxy, which may be nil, is told the whole assignment.
	Network network.Network
	Proxy   *proxy.Proxy

	// ClusterDNS are the name service's addresses, ClusterDomain is "cluster.local" if "".
	// ResolvConf is the host's resolv.conf; "" is /etc/resolv.conf.
	ClusterDNS    []string
	ClusterDomain string
	ResolvConf    string

	// RegistryConfig is a registry configuration file; "" is none.
	RegistryConfig string
	// SeccompDefault confines containers that say nothing by the runtime's default profile.
	SeccompDefault bool
	// MaxPods is 110 if 0, PodPIDs limits the processes of a pod; 0 is no limit.
	MaxPods, PodPIDs int64
	// Reserved is kept from pods; CgroupRoot is the group that all pods' are in, "/kubepods" if "".
	Reserved   corev1.ResourceList
	CgroupRoot string
	LogLimits  logs.Limits
	Labels     map[string]string
	Taints     []corev1.Taint
	// Version is the agent's, as the Node tells it.
	Version string

	// Listener takes the kubelet API's connections, nil for no API; Certificate is its own, Clients
	// and Names are who may ask.
	Listener    net.Listener
	Certificate tls.Certificate
	Clients     *x509.CertPool
	Names       []string
	MetricsPage http.Handler

	Log     *zap.Logger
	Metrics prometheus.Registerer
	// Ready is called once the node is registered and pods can run; it may be nil.
	Ready func()
}

func (c *Config) complete() error {
	switch {
	case c.NodeName == "":
		return errors.New("node agent: no node name")
	case len(c.Addresses) == 0:
		return errors.New("node agent: no address")
	case c.DataDir == "" || c.StateDir == "" || c.BinDir == "":
		return errors.New("node agent: folders are not set")
	case c.Assign == nil || c.Commands == nil || c.Network == nil:
		return errors.New("node agent: assignment, commands and network are needed")
	}
	defaults := func(s *string, v string) {
		if *s == "" {
			*s = v
		}
	}
	defaults(&c.Socket, filepath.Join(c.StateDir, "containerd.sock"))
	defaults(&c.ClusterDomain, "cluster.local")
	defaults(&c.ResolvConf, "/etc/resolv.conf")
	defaults(&c.CgroupRoot, "/kubepods")
	if c.Log == nil {
		c.Log = zap.NewNop()
	}
	return nil
}

func (c *Config) hostIPs() []string {
	out := make([]string, len(c.Addresses))
	for i, a := range c.Addresses {
		out[i] = a.String()
	}
	return out
}
