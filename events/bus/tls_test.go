package bus_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"testing"
	"time"

	"taffrail.dev/events/bus"
	"taffrail.dev/events/journal"
)

// certificate is a self-signed one for 127.0.0.1.
func certificate(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(parsed)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

// TestTLS joins with TLS and not without; the process's own connections need none.
func TestTLS(t *testing.T) {
	t.Parallel()
	cert, pool := certificate(t)
	b := open(t, bus.Config{
		DataDir: t.TempDir(), Listen: "127.0.0.1:0",
		TLS: &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS13},
	})
	if _, err := state(t, b).Append(withTimeout(t), journal.Record{Subject: path(1)}); err != nil {
		t.Fatal(err)
	}
	seed, err := b.Grant(bus.Operator())
	if err != nil {
		t.Fatal(err)
	}
	join := bus.Config{URL: b.URL(), Credentials: written(t, seed), Join: true}
	stranger := open(t, join)
	if _, err := stranger.Conn(bus.Operator()); err == nil {
		t.Error("joined a server of unknown certificate")
	}
	join.ClientTLS = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS13}
	if got := read(t, state(t, open(t, join)), 1); got[0].Sequence != 1 {
		t.Errorf("%+v", got)
	}
}
