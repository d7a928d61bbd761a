package pki

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"k8s.io/client-go/tools/clientcmd"

	"taffrail.dev/events/errs"
)

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func options(now time.Time) Options {
	return Options{
		ServiceIPs: []net.IP{net.IPv4(10, 96, 0, 1)},
		Hostnames:  []string{"stern"},
		Nodes:      []Node{{Name: "deck", IPs: []net.IP{net.IPv4(192, 0, 2, 7)}}},
		Now:        func() time.Time { return now },
	}
}

func ensured(t *testing.T, dir string, o Options) *Set {
	t.Helper()
	s, err := Ensure(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// contents are all files below dir with their modes.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		content, err := os.ReadFile(path)
		files[path] = info.Mode().String() + string(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestEnsureIsIdempotent(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ensured(t, dir, options(start))
	before := contents(t, dir)
	if len(before) != 8 {
		t.Errorf("%d files, want 8", len(before))
	}
	ensured(t, dir, options(start.Add(200*day)))
	if !maps.Equal(before, contents(t, dir)) {
		t.Error("a second Ensure changed files")
	}
	for path, content := range before {
		if want := "-rw-------"; filepath.Ext(path) == ".pem" && content[:10] != want {
			t.Errorf("%s has mode %s, want %s", path, content[:10], want)
		}
	}
}

func TestRenewal(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := ensured(t, dir, options(start))
	later := ensured(t, dir, options(start.Add(300*day)))
	if first.Admin.Leaf.Equal(later.Admin.Leaf) {
		t.Error("a certificate with 65 of 365 days left was not renewed")
	}
	if !first.Serving.Leaf.NotAfter.Before(later.Serving.Leaf.NotAfter) {
		t.Error("the new certificate does not last longer")
	}
	o := options(start.Add(3000 * day))
	renewed := ensured(t, dir, o)
	verify := x509.VerifyOptions{
		Roots: renewed.CA, CurrentTime: renewed.Admin.Leaf.NotBefore, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	if _, err := renewed.Admin.Leaf.Verify(verify); err != nil {
		t.Error(err)
	}
	if !renewed.ServiceAccountKey.Equal(first.ServiceAccountKey) {
		t.Error("the signing key changed")
	}
	old, err := x509.ParseCertificate(later.Admin.Leaf.Raw)
	if err != nil {
		t.Fatal(err)
	}
	if string(renewed.CAPEM) == string(first.CAPEM) {
		t.Error("the authority was not renewed")
	}
	if err := old.CheckSignatureFrom(authorityOf(t, renewed)); err != nil {
		t.Errorf("the renewed authority does not vouch for a former certificate: %v", err)
	}
}

func authorityOf(t *testing.T, s *Set) *x509.Certificate {
	t.Helper()
	p, err := readPair(filepath.Join(s.Dir, "ca.pem"))
	if err != nil {
		t.Fatal(err)
	}
	return p.Leaf
}

func TestNewHostIsIssuedFor(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ensured(t, dir, options(start))
	o := options(start)
	o.IPs = []net.IP{net.IPv4(198, 51, 100, 1)}
	s := ensured(t, dir, o)
	for _, host := range []string{
		"kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local",
		"localhost", "stern", "10.96.0.1", "127.0.0.1", "198.51.100.1",
	} {
		if err := s.Serving.Leaf.VerifyHostname(host); err != nil {
			t.Error(err)
		}
	}
	for _, host := range []string{"deck", "192.0.2.7"} {
		if err := s.Nodes["deck"].Serving.Leaf.VerifyHostname(host); err != nil {
			t.Error(err)
		}
	}
}

func TestDamagedFilesAreKept(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ensured(t, dir, options(start))
	for _, file := range []string{"ca.pem", "admin.pem", "service-account.pem"} {
		path := filepath.Join(dir, file)
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, whole[:len(whole)/2], 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Ensure(dir, options(start)); !errs.Is(err, errs.Internal) {
			t.Errorf("%s cut in half: %v", file, err)
		}
		if err := os.WriteFile(path, whole, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Ensure(dir, Options{Nodes: []Node{{Name: "../x"}}}); !errs.Is(err, errs.Invalid) {
		t.Errorf("a node's name with a slash: %v", err)
	}
}

func TestKubeconfigOpensTheDoor(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := ensured(t, dir, Options{})
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.TLS.VerifiedChains[0][0].Subject.String())
	}))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{s.Serving.TLS()}, ClientCAs: s.CA, ClientAuth: tls.RequireAndVerifyClientCert}
	server.StartTLS()
	defer server.Close()
	file := filepath.Join(dir, "kubeconfig")
	if err := s.Kubeconfig(file, server.URL, s.Admin); err != nil {
		t.Fatal(err)
	}
	config, err := clientcmd.BuildConfigFromFlags("", file)
	if err != nil {
		t.Fatal(err)
	}
	if got := get(t, config.Host, config.CAData, config.CertData, config.KeyData); got != "CN=kubernetes-admin,O=system:masters" {
		t.Error(got)
	}
}

func get(t *testing.T, url string, ca, cert, key []byte) string {
	t.Helper()
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{pair}}}}
	defer client.CloseIdleConnections()
	response, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}
