package pki

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"taffrail.dev/events/errs"
)

// Set is a directory's keys and certificates.
type Set struct {
	Dir string
	// CA holds the authority's certificate, CAPEM is it encoded.
	CA    *x509.CertPool
	CAPEM []byte
	// Serving is the gateway's own certificate, KubeletClient is what it
	// shows to the nodes' kubelet API, Admin is a member of system:masters.
	Serving, KubeletClient, Admin *Pair
	// Nodes by name.
	Nodes map[string]NodePairs
	// ServiceAccountKey signs service-account tokens.
	ServiceAccountKey *ecdsa.PrivateKey
}

// NodePairs are a node's certificates: of its kubelet API, and of it as a client
// of the gateway.
type NodePairs struct{ Serving, Client *Pair }

// Ensure makes dir hold all that o asks for. Errors are of kind Invalid for options that make no
// sense, else Internal: a file that cannot be read or written, or is not what it should be; such a
// file is never overwritten.
func Ensure(dir string, o Options) (*Set, error) {
	const op = "ensure certificates"
	if err := o.validate(); err != nil {
		return nil, errs.E(op, errs.Invalid, err)
	}
	if err := os.MkdirAll(filepath.Join(dir, "nodes"), 0o700); err != nil {
		return nil, errs.E(op, errs.Internal, err)
	}
	s, err := ensureSet(dir, &o)
	if err != nil {
		return nil, errs.E(op, errs.Internal, err)
	}
	return s, nil
}

func ensureSet(dir string, o *Options) (*Set, error) {
	a, err := ensureAuthority(dir, o)
	if err != nil {
		return nil, err
	}
	s := &Set{Dir: dir, CA: x509.NewCertPool(), CAPEM: a.CertificatePEM(), Nodes: map[string]NodePairs{}}
	s.CA.AddCert(a.Leaf)
	hosts, ips := o.gatewayHosts()
	for _, each := range []struct {
		into **Pair
		wanted
	}{
		{&s.Serving, wanted{file: "gateway.pem", name: "kubernetes", hosts: hosts, ips: ips, usage: x509.ExtKeyUsageServerAuth}},
		{&s.KubeletClient, wanted{file: "kubelet-client.pem", name: GatewayName, groups: []string{"system:masters"}, usage: x509.ExtKeyUsageClientAuth}},
		{&s.Admin, wanted{file: "admin.pem", name: "kubernetes-admin", groups: []string{"system:masters"}, usage: x509.ExtKeyUsageClientAuth}},
	} {
		each.file = filepath.Join(dir, each.file)
		if *each.into, err = a.ensure(each.wanted); err != nil {
			return nil, err
		}
	}
	for _, node := range o.Nodes {
		if s.Nodes[node.Name], err = a.ensureNode(dir, node); err != nil {
			return nil, err
		}
	}
	s.ServiceAccountKey, err = ensureKey(filepath.Join(dir, "service-account.pem"))
	return s, err
}

// GatewayName is whom the gateway is known as to the nodes' kubelet API.
const GatewayName = "system:taffrail:gateway"

// ReadNode reads what a node alone needs of dir, which may hold no more than that: ca.crt and the node's
// serving certificate.
func ReadNode(dir, name string) (ca *x509.CertPool, serving *Pair, err error) {
	const op = "read node's certificates"
	file := filepath.Join(dir, "ca.crt")
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, nil, errs.E(op, errs.Invalid, err)
	}
	ca = x509.NewCertPool()
	if !ca.AppendCertsFromPEM(content) {
		return nil, nil, errs.F(op, errs.Invalid, "%s: no certificate in it", file)
	}
	file = nodeFile(dir, name) + ".serving.pem"
	if serving, err = readPair(file); err != nil {
		return nil, nil, errs.E(op, errs.Invalid, err)
	}
	if serving == nil {
		return nil, nil, errs.F(op, errs.Invalid, "%s: no such file", file)
	}
	return ca, serving, nil
}

// ReadAuthority reads the authority of a dir that Ensure has made, with its key: for who signs, and nobody else.
func ReadAuthority(dir string) (*x509.Certificate, *ecdsa.PrivateKey, error) {
	const op = "read authority"
	file := filepath.Join(dir, "ca.pem")
	pair, err := readPair(file)
	if err != nil {
		return nil, nil, errs.E(op, errs.Internal, err)
	}
	if pair == nil {
		return nil, nil, errs.F(op, errs.Invalid, "%s: no such file", file)
	}
	return pair.Leaf, pair.Key, nil
}

func nodeFile(dir, name string) string { return filepath.Join(dir, "nodes", name) }

func (a *authority) ensureNode(dir string, node Node) (n NodePairs, err error) {
	name, base := "system:node:"+node.Name, nodeFile(dir, node.Name)
	groups := []string{"system:nodes"}
	n.Serving, err = a.ensure(wanted{
		file: base + ".serving.pem", name: name, groups: groups,
		hosts: append([]string{node.Name}, node.Hostnames...), ips: node.IPs, usage: x509.ExtKeyUsageServerAuth,
	})
	if err != nil {
		return n, err
	}
	n.Client, err = a.ensure(wanted{file: base + ".client.pem", name: name, groups: groups, usage: x509.ExtKeyUsageClientAuth})
	return n, err
}

func ensureKey(file string) (*ecdsa.PrivateKey, error) {
	content, err := os.ReadFile(file)
	if err == nil {
		block, _ := pem.Decode(content)
		if block == nil || block.Type != "PRIVATE KEY" {
			return nil, fmt.Errorf("%s: want a private key", file)
		}
		return parseKey(block.Bytes)
	}
	if !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	encoded, err := encodeKey(key)
	if err != nil {
		return nil, err
	}
	return key, replace(file, encoded, 0o600)
}
