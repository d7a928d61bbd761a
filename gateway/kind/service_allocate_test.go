package kind_test

import (
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"taffrail.dev/events/subject"
	"taffrail.dev/gateway/kind"
)

// cluster is a memory with one range of cluster IPs, and the writes of services to it.
type cluster struct {
	memory
	kind *kind.Kind
}

func newCluster(t testing.TB, cidr string) cluster {
	t.Helper()
	c := cluster{memory{}, kindOf(t, "services")}
	c.put(subject.ServiceCIDRs, &networkingv1.ServiceCIDR{
		ObjectMeta: metav1.ObjectMeta{Name: "kubernetes"}, Spec: networkingv1.ServiceCIDRSpec{CIDRs: []string{cidr}},
	})
	return c
}

// write creates the service, or updates old, and returns what was stored.
func (c cluster) write(s, old *corev1.Service) (*corev1.Service, error) {
	s = s.DeepCopy()
	var was kind.Object
	if old != nil {
		was = old
	}
	c.kind.Default(s)
	c.kind.Prepare(s, was)
	if errs := c.kind.Validate(s, was); len(errs) > 0 {
		return nil, errs.ToAggregate()
	}
	return s, c.kind.Allocate(c, s, was)
}

func (c cluster) companions() (ips, ports int) {
	return len(c.List(subject.IPAddresses, "")), len(c.List(kind.NodePorts, ""))
}

func service(name string, t corev1.ServiceType, ports ...corev1.ServicePort) *corev1.Service {
	if len(ports) == 0 {
		ports = []corev1.ServicePort{{Port: 80}}
	}
	return &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name},
		Spec:       corev1.ServiceSpec{Type: t, Ports: ports},
	}
}

func TestServiceLifeOfAllocations(t *testing.T) {
	t.Parallel()
	c := newCluster(t, "10.96.0.0/16")
	expect := func(step string, ips, ports int) {
		t.Helper()
		if gotIPs, gotPorts := c.companions(); gotIPs != ips || gotPorts != ports {
			t.Fatalf("%s: %d addresses and %d node ports, want %d and %d", step, gotIPs, gotPorts, ips, ports)
		}
	}
	write := func(s, old *corev1.Service) *corev1.Service {
		t.Helper()
		stored, err := c.write(s, old)
		if err != nil {
			t.Fatal(err)
		}
		return stored
	}
	created := write(service("web", corev1.ServiceTypeNodePort), nil)
	expect("create", 1, 1)
	if ip := created.Spec.ClusterIP; !strings.HasPrefix(ip, "10.96.") || created.Spec.ClusterIPs[0] != ip {
		t.Fatalf("cluster IPs %v and %q", created.Spec.ClusterIPs, ip)
	}
	if n := created.Spec.Ports[0].NodePort; n < kind.FirstNodePort || n > kind.LastNodePort {
		t.Fatalf("node port %d", n)
	}

	again := write(service("web", corev1.ServiceTypeNodePort), created)
	expect("update without addresses", 1, 1)
	if again.Spec.ClusterIP != created.Spec.ClusterIP || again.Spec.Ports[0].NodePort != created.Spec.Ports[0].NodePort {
		t.Fatal("an update changed what was allocated")
	}

	plain := write(service("web", corev1.ServiceTypeClusterIP), again)
	expect("to ClusterIP", 1, 0)
	alias := service("web", corev1.ServiceTypeExternalName)
	alias.Spec.ExternalName = "example.com"
	gone := write(alias, plain)
	expect("to ExternalName", 0, 0)
	back := write(service("web", corev1.ServiceTypeNodePort), gone)
	expect("back", 1, 1)
	if err := c.kind.Allocate(c, nil, back); err != nil {
		t.Fatal(err)
	}
	expect("delete", 0, 0)
}

func TestServiceExplicitAllocations(t *testing.T) {
	t.Parallel()
	c := newCluster(t, "10.96.0.0/24")
	withIP := func(name, ip string) *corev1.Service {
		s := service(name, corev1.ServiceTypeClusterIP)
		s.Spec.ClusterIP = ip
		return s
	}
	withPort := func(name string, port int32, protocol corev1.Protocol) *corev1.Service {
		return service(name, corev1.ServiceTypeNodePort, corev1.ServicePort{Port: 80, NodePort: port, Protocol: protocol})
	}
	cases := []struct {
		s   *corev1.Service
		err string
	}{
		{withIP("a", "10.96.0.10"), ""},
		{withIP("b", "10.96.0.10"), "failed to allocate IP 10.96.0.10: provided IP is already allocated"},
		{withIP("c", "10.97.0.1"), "the provided IP (10.97.0.1) is not in the valid range. The range of valid IPs is 10.96.0.0/24"},
		{withIP("d", "10.96.0.255"), "is not in the valid range"},
		{withIP("e", "10.96.0.0"), "is not in the valid range"},
		{withPort("f", 30080, "TCP"), ""},
		{withPort("g", 30080, "TCP"), "spec.ports[0].nodePort: Invalid value: 30080: provided port is already allocated"},
		{withPort("h", 30080, "UDP"), ""},
		{withPort("i", 80, "TCP"), "provided port is not in the valid range. The range of valid ports is 30000-32767"},
	}
	for _, k := range cases {
		_, err := c.write(k.s, nil)
		if got := fmt.Sprint(err); k.err == "" && err != nil || !strings.Contains(got, k.err) {
			t.Errorf("%s: %v, want %q", k.s.Name, err, k.err)
		}
	}
}

func TestServiceRangesFillUp(t *testing.T) {
	t.Parallel()
	c := newCluster(t, "10.96.0.0/26")
	taken := map[string]bool{}
	for i := range 62 {
		s, err := c.write(service(fmt.Sprintf("s%d", i), corev1.ServiceTypeClusterIP), nil)
		if err != nil {
			t.Fatalf("service %d: %v", i, err)
		}
		if taken[s.Spec.ClusterIP] {
			t.Fatalf("%s twice", s.Spec.ClusterIP)
		}
		taken[s.Spec.ClusterIP] = true
	}
	if _, err := c.write(service("last", corev1.ServiceTypeClusterIP), nil); err == nil || !strings.Contains(err.Error(), "range is full") {
		t.Fatalf("a full range: %v", err)
	}
	if taken["10.96.0.0"] || taken["10.96.0.63"] {
		t.Error("the network's own address was given away")
	}
}

func TestServiceProtocolsShareANodePort(t *testing.T) {
	t.Parallel()
	c := newCluster(t, "10.96.0.0/24")
	s, err := c.write(service("dns", corev1.ServiceTypeNodePort,
		corev1.ServicePort{Name: "tcp", Port: 53, Protocol: "TCP"}, corev1.ServicePort{Name: "udp", Port: 53, Protocol: "UDP"}), nil)
	if err != nil {
		t.Fatal(err)
	}
	if s.Spec.Ports[0].NodePort != s.Spec.Ports[1].NodePort {
		t.Errorf("node ports %d and %d", s.Spec.Ports[0].NodePort, s.Spec.Ports[1].NodePort)
	}
	if _, ports := c.companions(); ports != 2 {
		t.Errorf("%d companions", ports)
	}
}

func TestHeadlessServiceHasNoAddress(t *testing.T) {
	t.Parallel()
	c := newCluster(t, "10.96.0.0/24")
	s := service("h", corev1.ServiceTypeClusterIP)
	s.Spec.ClusterIP, s.Spec.Selector = corev1.ClusterIPNone, map[string]string{"a": "b"}
	stored, err := c.write(s, nil)
	if err != nil {
		t.Fatal(err)
	}
	if ips, _ := c.companions(); ips != 0 || stored.Spec.ClusterIPs[0] != "None" || stored.Spec.IPFamilies[0] != corev1.IPv4Protocol {
		t.Errorf("%d addresses, %v, %v", ips, stored.Spec.ClusterIPs, stored.Spec.IPFamilies)
	}
}
