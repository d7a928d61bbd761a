// Package podfiles writes the files that every container of a pod is given: /etc/hosts,
// /etc/hostname and /etc/resolv.conf.
package podfiles

import (
	"fmt"
	"os"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// DNS is the cluster's name service as pods use it.
type DNS struct {
	// Servers are the addresses of the cluster's DNS; without any, ClusterFirst is Default.
	Servers []string
	// Domain is the cluster's, "cluster.local".
	Domain string
	// Host is the node's own resolv.conf.
	Host string
}

// Hostname is the pod's host name and, if it has a subdomain, the fully qualified one.
func Hostname(p *corev1.Pod, node, domain string) (host, full string) {
	switch {
	case p.Spec.HostnameOverride != nil:
		return *p.Spec.HostnameOverride, ""
	case p.Spec.HostNetwork:
		return node, ""
	}
	host = p.Name
	if p.Spec.Hostname != "" {
		host = p.Spec.Hostname
	}
	if len(host) > 63 {
		host = strings.TrimRight(host[:63], "-.")
	}
	if p.Spec.Subdomain != "" {
		full = fmt.Sprintf("%s.%s.%s.svc.%s", host, p.Spec.Subdomain, p.Namespace, domain)
		if p.Spec.SetHostnameAsFQDN != nil && *p.Spec.SetHostnameAsFQDN {
			host = full
		}
	}
	return host, full
}

const managed = "# Kubernetes-managed hosts file"

// Hosts is the text of /etc/hosts. of is the node's own, for a pod on the host's network.
func Hosts(p *corev1.Pod, ips []string, host, full, of string) string {
	var b strings.Builder
	if p.Spec.HostNetwork {
		b.WriteString(managed + " (host network).\n" + of)
	} else {
		b.WriteString(managed + ".\n127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n" +
			"fe00::0\tip6-localnet\nfe00::0\tip6-mcastprefix\nfe00::1\tip6-allnodes\nfe00::2\tip6-allrouters\n")
		for _, ip := range ips {
			if full != "" && full != host {
				fmt.Fprintf(&b, "%s\t%s\t%s\n", ip, full, host)
			} else {
				fmt.Fprintf(&b, "%s\t%s\n", ip, host)
			}
		}
	}
	if len(p.Spec.HostAliases) > 0 {
		b.WriteString("\n# Entries added by HostAliases.\n")
		for _, a := range p.Spec.HostAliases {
			fmt.Fprintf(&b, "%s\t%s\n", a.IP, strings.Join(a.Hostnames, "\t"))
		}
	}
	return b.String()
}

// resolver is a resolv.conf.
type resolver struct{ servers, searches, options []string }

func parse(text string) resolver {
	var r resolver
	for _, line := range strings.Split(text, "\n") {
		f := strings.Fields(line)
		if len(f) < 2 {
			continue
		}
		switch f[0] {
		case "nameserver":
			r.servers = append(r.servers, f[1])
		case "search":
			r.searches = f[1:]
		case "options":
			r.options = f[1:]
		}
	}
	return r
}

// Resolv is the text of /etc/resolv.conf.
func Resolv(p *corev1.Pod, d DNS) string {
	own, _ := os.ReadFile(d.Host)
	r := parse(string(own))
	policy := p.Spec.DNSPolicy
	if policy == "" {
		policy = corev1.DNSClusterFirst
	}
	if policy == corev1.DNSClusterFirst && p.Spec.HostNetwork || len(d.Servers) == 0 && policy != corev1.DNSNone {
		policy = corev1.DNSDefault
	}
	switch policy {
	case corev1.DNSNone:
		r = resolver{}
	case corev1.DNSClusterFirst, corev1.DNSClusterFirstWithHostNet:
		cluster := []string{p.Namespace + ".svc." + d.Domain, "svc." + d.Domain, d.Domain}
		r = resolver{servers: d.Servers, searches: union(cluster, r.searches), options: []string{"ndots:5"}}
	}
	if c := p.Spec.DNSConfig; c != nil {
		r.servers = union(r.servers, c.Nameservers)
		r.searches = union(r.searches, c.Searches)
		r.options = options(r.options, c.Options)
	}
	return r.text()
}

func (r resolver) text() string {
	var b strings.Builder
	if len(r.searches) > 0 {
		b.WriteString("search " + strings.Join(r.searches[:min(len(r.searches), 32)], " ") + "\n")
	}
	for i, s := range r.servers {
		if i < 3 {
			b.WriteString("nameserver " + s + "\n")
		}
	}
	if len(r.options) > 0 {
		b.WriteString("options " + strings.Join(r.options, " ") + "\n")
	}
	return b.String()
}

func union(a, b []string) []string {
	var out []string
	for _, s := range append(append([]string(nil), a...), b...) {
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

func options(have []string, add []corev1.PodDNSConfigOption) []string {
	for _, o := range add {
		text := o.Name
		if o.Value != nil && *o.Value != "" {
			text += ":" + *o.Value
		}
		have = slices.DeleteFunc(have, func(h string) bool { n, _, _ := strings.Cut(h, ":"); return n == o.Name })
		have = append(have, text)
	}
	return have
}

// Write replaces a file's content in place, so that containers that see it keep seeing it.
func Write(path, text string) error {
	if old, err := os.ReadFile(path); err == nil && string(old) == text {
		return nil
	}
	return os.WriteFile(path, []byte(text), 0o644)
}
