package webhook

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	registrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"taffrail.dev/events/subject"
	"taffrail.dev/gateway/kind"
)

// objects are a Reader by resource.
type objects map[subject.Resource][]kind.Object

func (o objects) Get(r subject.Resource, namespace, name string) (kind.Object, bool) {
	for _, obj := range o[r] {
		if obj.GetNamespace() == namespace && obj.GetName() == name {
			return obj, true
		}
	}
	return nil, false
}

func (o objects) List(r subject.Resource, namespace string) (out []kind.Object) {
	for _, obj := range o[r] {
		if namespace == "" || obj.GetNamespace() == namespace {
			out = append(out, obj)
		}
	}
	return out
}

// certificate is a self-signed one for a name, and what vouches for it.
func certificate(t *testing.T, name string) (tls.Certificate, []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{name}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func service(endpoints ...string) objects {
	name, port := "https", int32(8443)
	slice := &discoveryv1.EndpointSlice{
		ObjectMeta: metav1.ObjectMeta{Namespace: "mesh", Name: "injector-1", Labels: map[string]string{discoveryv1.LabelServiceName: "injector"}},
		Ports:      []discoveryv1.EndpointPort{{Name: &name, Port: &port}},
	}
	for _, address := range endpoints {
		slice.Endpoints = append(slice.Endpoints, discoveryv1.Endpoint{Addresses: []string{address}})
	}
	return objects{
		subject.Services: {&corev1.Service{
			ObjectMeta: metav1.ObjectMeta{Namespace: "mesh", Name: "injector"}, Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{{Name: "https", Port: 443}}},
		}},
		subject.EndpointSlices: {slice},
	}
}

// dialled notes who is called, and has one address lead to a server.
type dialled struct {
	mu        sync.Mutex // guards addresses
	addresses []string
	live, to  string
}

func (d *dialled) dial(ctx context.Context, network, address string) (net.Conn, error) {
	d.mu.Lock()
	d.addresses = append(d.addresses, address)
	d.mu.Unlock()
	if address != d.live {
		return nil, &net.OpError{Op: "dial", Net: network, Err: net.UnknownNetworkError("nobody is there")}
	}
	return (&net.Dialer{}).DialContext(ctx, network, d.to)
}

func TestServiceIsReachedAtItsEndpoints(t *testing.T) {
	t.Parallel()
	pair, bundle := certificate(t, "injector.mesh.svc")
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte(r.Host + r.URL.Path))
	}))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
	server.StartTLS()
	t.Cleanup(server.Close)
	path := "/v1"
	hook := &hook{timeout: time.Minute, target: newTarget(&registrationv1.WebhookClientConfig{
		CABundle: bundle, Service: &registrationv1.ServiceReference{Namespace: "mesh", Name: "injector", Path: &path},
	})}
	d := &dialled{live: "10.0.0.2:8443", to: server.Listener.Addr().String()}
	c := &clients{objects: service("10.0.0.1", "10.0.0.2"), dial: d.dial}
	t.Cleanup(c.close)
	for range 3 {
		client, err := c.of(&hook.target)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := post(t.Context(), client, hook, []byte("{}"))
		if err != nil || string(answer) != "injector.mesh.svc:443/v1" {
			t.Fatalf("%s, %v", answer, err)
		}
	}
	live := 0
	for _, address := range d.addresses {
		if address == d.live {
			live++
		}
	}
	if live != 1 {
		t.Errorf("dialled %v: a connection is kept", d.addresses)
	}
}

func TestServiceThatCannotBeReached(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		objects objects
		want    string
	}{
		"none":  {objects{}, `services "injector" not found`},
		"empty": {service(), `no endpoints available for service "injector"`},
		"dead":  {service("10.0.0.1"), "nobody is there"},
	} {
		d := &dialled{}
		hook := &hook{timeout: time.Minute, target: newTarget(&registrationv1.WebhookClientConfig{
			Service: &registrationv1.ServiceReference{Namespace: "mesh", Name: "injector"},
		})}
		all := &clients{objects: c.objects, dial: d.dial}
		client, err := all.of(&hook.target)
		if err != nil {
			t.Fatal(err)
		}
		if _, err = post(t.Context(), client, hook, nil); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
}

func TestConnectionsNobodyNeedsAreClosed(t *testing.T) {
	t.Parallel()
	c := &clients{}
	a, b := newTarget(&registrationv1.WebhookClientConfig{URL: text("https://a")}), newTarget(&registrationv1.WebhookClientConfig{URL: text("https://b")})
	first, err := c.of(&a)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.of(&b); err != nil {
		t.Fatal(err)
	}
	c.keep(map[client]bool{a.client(): true})
	again, err := c.of(&a)
	if err != nil || again != first || len(c.open) != 1 {
		t.Errorf("%d clients, the same: %v, %v", len(c.open), again == first, err)
	}
}

func text(s string) *string { return &s }
