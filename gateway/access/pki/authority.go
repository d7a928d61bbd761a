package pki

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// authority signs. Its key outlives its certificate: a renewed authority
// vouches for everything the former one signed.
type authority struct {
	*Pair
	options *Options
}

// wanted describes a certificate that should be.
type wanted struct {
	file   string
	name   string
	groups []string
	hosts  []string
	ips    []net.IP
	usage  x509.ExtKeyUsage
}

func ensureAuthority(dir string, o *Options) (*authority, error) {
	file := filepath.Join(dir, "ca.pem")
	have, err := readPair(file)
	if err != nil {
		return nil, err
	}
	now := o.Now()
	if have == nil {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return nil, err
		}
		have = &Pair{File: file, Key: key}
	}
	a := &authority{Pair: have, options: o}
	if have.Leaf == nil || !lasting(have.Leaf, now) {
		template, err := newTemplate("taffrail", nil, now, o.CAValidity)
		if err != nil {
			return nil, err
		}
		template.IsCA, template.BasicConstraintsValid = true, true
		template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature | x509.KeyUsageCRLSign
		if have.Leaf, err = a.sign(template, template, have.Key); err != nil {
			return nil, err
		}
		if err := have.write(); err != nil {
			return nil, err
		}
	}
	return a, a.publish(filepath.Join(dir, "ca.crt"))
}

// publish keeps the authority's certificate where clients without its key read it.
func (a *authority) publish(file string) error {
	want := a.CertificatePEM()
	if have, err := os.ReadFile(file); err == nil && bytes.Equal(have, want) {
		return nil
	}
	return replace(file, want, 0o644)
}

// ensure reads the certificate wanted, or issues it.
func (a *authority) ensure(w wanted) (*Pair, error) {
	have, err := readPair(w.file)
	if err != nil {
		return nil, err
	}
	if have != nil && a.fits(have.Leaf, w) {
		return have, nil
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template, err := newTemplate(w.name, w.groups, a.options.Now(), a.options.Validity)
	if err != nil {
		return nil, err
	}
	template.DNSNames, template.IPAddresses = w.hosts, w.ips
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.ExtKeyUsage = []x509.ExtKeyUsage{w.usage}
	if template.NotAfter.After(a.Leaf.NotAfter) {
		template.NotAfter = a.Leaf.NotAfter
	}
	p := &Pair{File: w.file, Key: key}
	if p.Leaf, err = a.sign(template, a.Leaf, key); err != nil {
		return nil, err
	}
	return p, p.write()
}

func (a *authority) fits(leaf *x509.Certificate, w wanted) bool {
	for _, host := range w.hosts {
		if !slices.Contains(leaf.DNSNames, host) {
			return false
		}
	}
	for _, ip := range w.ips {
		if !slices.ContainsFunc(leaf.IPAddresses, ip.Equal) {
			return false
		}
	}
	return leaf.CheckSignatureFrom(a.Leaf) == nil && lasting(leaf, a.options.Now()) &&
		leaf.Subject.CommonName == w.name && sameSet(leaf.Subject.Organization, w.groups) &&
		slices.Contains(leaf.ExtKeyUsage, w.usage)
}

func sameSet(a, b []string) bool {
	a, b = slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b))
	return slices.Equal(a, b)
}

// lasting says that more than a third of a certificate's time is left.
func lasting(c *x509.Certificate, now time.Time) bool {
	return !now.Before(c.NotBefore) && c.NotAfter.Sub(now) > c.NotAfter.Sub(c.NotBefore)/3
}

func (a *authority) sign(template, parent *x509.Certificate, key *ecdsa.PrivateKey) (*x509.Certificate, error) {
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, a.Key)
	if err != nil {
		return nil, fmt.Errorf("sign %s: %w", template.Subject.CommonName, err)
	}
	return x509.ParseCertificate(der)
}

func newTemplate(name string, groups []string, now time.Time, validity time.Duration) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, err
	}
	return &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: name, Organization: groups},
		// A little of the past, for clients whose clock is behind.
		NotBefore: now.Add(-5 * time.Minute),
		NotAfter:  now.Add(validity),
	}, nil
}
