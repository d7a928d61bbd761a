package pki

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"time"
)

// Options say what a directory's certificates are for.
type Options struct {
	// ClusterDomain is the DNS suffix of services; "" is cluster.local.
	ClusterDomain string
	// ServiceIPs are the addresses of the service "kubernetes".
	ServiceIPs []net.IP
	// Hostnames and IPs are what else clients reach the gateway by. localhost, 127.0.0.1 and ::1
	// are always among them.
	Hostnames []string
	IPs       []net.IP
	// Nodes get a serving and a client certificate each.
	Nodes []Node
	// CAValidity is how long a new authority lasts, 0 is ten years; Validity
	// a certificate, 0 is a year. Both are renewed when a third of it is left.
	CAValidity, Validity time.Duration
	// Now is the present; nil is time.Now.
	Now func() time.Time
}

// Node is a node and what its kubelet API is reached by, beside its name.
type Node struct {
	Name      string
	Hostnames []string
	IPs       []net.IP
}

const (
	day               = 24 * time.Hour
	defaultCAValidity = 3650 * day
	defaultValidity   = 365 * day
)

func (o *Options) validate() error {
	if o.ClusterDomain == "" {
		o.ClusterDomain = "cluster.local"
	}
	if o.CAValidity == 0 {
		o.CAValidity = defaultCAValidity
	}
	if o.Validity == 0 {
		o.Validity = defaultValidity
	}
	if o.CAValidity < 0 || o.Validity < 0 {
		return errors.New("a validity is negative")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	for _, node := range o.Nodes {
		if node.Name == "" || slices.Contains([]rune(node.Name), '/') {
			return fmt.Errorf("%q is no name of a node", node.Name)
		}
	}
	return nil
}

func (o *Options) gatewayHosts() ([]string, []net.IP) {
	names := []string{
		"kubernetes", "kubernetes.default", "kubernetes.default.svc",
		"kubernetes.default.svc." + o.ClusterDomain, "localhost",
	}
	ips := []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}
	return append(names, o.Hostnames...), append(append(ips, o.ServiceIPs...), o.IPs...)
}
