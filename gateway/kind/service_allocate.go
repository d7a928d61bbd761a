package kind

import (
	"errors"
	"fmt"
	"hash/fnv"
	"net/netip"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"taffrail.dev/events/subject"
)

// NodePorts are the internal objects that stand for a port of all nodes: named like "tcp.30080", so that
// two services cannot have the same.
var NodePorts = subject.Resource{Group: "internal.taffrail.dev", Name: "nodeports"}

// The ports of nodes that services may have.
const (
	FirstNodePort = 30000
	LastNodePort  = 32767
)

var errRangeFull = errors.New("range is full")

type portKey struct {
	protocol corev1.Protocol
	port     int32
}

func (k portKey) name() string {
	return strings.ToLower(string(k.protocol)) + "." + strconv.Itoa(int(k.port))
}

// allocateService gives a service its cluster IP and node ports, each together with the object that keeps
// others from having it, and takes back what it no longer uses.
func allocateService(tx Tx, obj, old Object) error {
	var was, now *corev1.ServiceSpec
	var s *corev1.Service
	if old != nil {
		was = &old.(*corev1.Service).Spec
	}
	if obj != nil {
		s = obj.(*corev1.Service)
		now = &s.Spec
	}
	if now != nil {
		if err := allocateIP(tx, s, was); err != nil {
			return refuseService(s, err)
		}
		if err := allocatePorts(tx, s, was); err != nil {
			return refuseService(s, err)
		}
	}
	release(tx, now, was)
	return nil
}

func refuseService(s *corev1.Service, err *field.Error) error {
	if err.Type == field.ErrorTypeInternal {
		return apierrors.NewInternalError(errors.New(err.Detail))
	}
	return apierrors.NewInvalid(core("Service").GroupKind(), s.Name, field.ErrorList{err})
}

func realIPs(s *corev1.ServiceSpec) []string {
	if s == nil || isHeadless(s) {
		return nil
	}
	return s.ClusterIPs
}

func nodePortsOf(s *corev1.ServiceSpec) map[portKey]bool {
	m := map[portKey]bool{}
	if s == nil {
		return m
	}
	for _, p := range s.Ports {
		if p.NodePort != 0 {
			m[portKey{p.Protocol, p.NodePort}] = true
		}
	}
	if s.HealthCheckNodePort != 0 {
		m[portKey{corev1.ProtocolTCP, s.HealthCheckNodePort}] = true
	}
	return m
}

func release(tx Tx, now, was *corev1.ServiceSpec) {
	kept := realIPs(now)
	for _, ip := range realIPs(was) {
		if !contains(kept, ip) {
			tx.Delete(subject.IPAddresses, "", ip)
		}
	}
	ports := nodePortsOf(now)
	for k := range nodePortsOf(was) {
		if !ports[k] {
			tx.Delete(NodePorts, "", k.name())
		}
	}
}

func contains(list []string, s string) bool {
	for _, v := range list {
		if v == s {
			return true
		}
	}
	return false
}

func allocateIP(tx Tx, s *corev1.Service, was *corev1.ServiceSpec) *field.Error {
	if !hasClusterIP(s.Spec.Type) || isHeadless(&s.Spec) {
		return nil
	}
	at := specPath.Child("clusterIPs")
	ranges := serviceRanges(tx)
	if s.Spec.ClusterIP == "" {
		ip, ok := freeIP(tx, ranges, seed(s))
		if !ok {
			return field.InternalError(at, fmt.Errorf("failed to allocate a serviceIP: %w", errRangeFull))
		}
		s.Spec.ClusterIP, s.Spec.ClusterIPs = ip, []string{ip}
	} else if contains(realIPs(was), s.Spec.ClusterIP) {
		return nil
	} else if err := explicitIP(tx, ranges, s.Spec.ClusterIP); err != nil {
		return field.Invalid(at, s.Spec.ClusterIPs, fmt.Sprintf("failed to allocate IP %v: %v", s.Spec.ClusterIP, err))
	}
	tx.Create(subject.IPAddresses, &networkingv1.IPAddress{
		ObjectMeta: metav1.ObjectMeta{Name: s.Spec.ClusterIP, Labels: map[string]string{
			networkingv1.LabelIPAddressFamily: string(corev1.IPv4Protocol), networkingv1.LabelManagedBy: "ipallocator.k8s.io",
		}},
		Spec: networkingv1.IPAddressSpec{ParentRef: parentRef(s)},
	})
	return nil
}

func parentRef(s *corev1.Service) *networkingv1.ParentReference {
	return &networkingv1.ParentReference{Resource: "services", Namespace: s.Namespace, Name: s.Name}
}

// seed spreads where services begin to look for something free, so that those allocated at
// the same time seldom meet.
func seed(s *corev1.Service) uint32 {
	h := fnv.New32a()
	h.Write([]byte(s.Namespace))
	h.Write([]byte{'/'})
	h.Write([]byte(s.Name))
	h.Write([]byte(s.UID))
	return h.Sum32()
}

// serviceRanges are the IPv4 ranges that cluster IPs come from.
func serviceRanges(r Reader) (ranges []netip.Prefix) {
	for _, o := range r.List(subject.ServiceCIDRs, "") {
		c := o.(*networkingv1.ServiceCIDR)
		if c.DeletionTimestamp != nil {
			continue
		}
		for _, cidr := range c.Spec.CIDRs {
			if p, err := netip.ParsePrefix(cidr); err == nil && p.Addr().Is4() {
				ranges = append(ranges, p.Masked())
			}
		}
	}
	return ranges
}

func explicitIP(tx Tx, ranges []netip.Prefix, ip string) error {
	a, err := netip.ParseAddr(ip)
	if err != nil {
		return err
	}
	names := make([]string, 0, len(ranges))
	for _, p := range ranges {
		if names = append(names, p.String()); !p.Contains(a) || a == p.Addr() || a == nth(p, size(p)-1) {
			continue
		}
		if _, taken := tx.Get(subject.IPAddresses, "", ip); taken {
			return errors.New("provided IP is already allocated")
		}
		return nil
	}
	return fmt.Errorf("the provided IP (%v) is not in the valid range. The range of valid IPs is %s", ip, strings.Join(names, ","))
}

func size(p netip.Prefix) uint32 {
	if p.Bits() == 0 {
		return 1<<32 - 1
	}
	return 1 << (32 - p.Bits())
}

func nth(p netip.Prefix, n uint32) netip.Addr {
	b := p.Addr().As4()
	v := uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
	v += n
	return netip.AddrFrom4([4]byte{byte(v >> 24), byte(v >> 16), byte(v >> 8), byte(v)})
}

// freeIP looks from a seed on for an address of the upper part of a range, and only when that is used
// up for one of the lower part, which is left to those who ask for an address by name.
func freeIP(tx Tx, ranges []netip.Prefix, seed uint32) (string, bool) {
	for _, p := range ranges {
		n := size(p)
		if n < 4 {
			continue
		}
		usable := n - 2 // neither the network's address nor broadcast
		low := min(max(16, usable/16), 256)
		if low >= usable {
			low = 0
		}
		for _, band := range [][2]uint32{{low, usable}, {0, low}} {
			width := band[1] - band[0]
			for i := range width {
				ip := nth(p, 1+band[0]+(seed%width+i)%width).String()
				if _, taken := tx.Get(subject.IPAddresses, "", ip); !taken {
					return ip, true
				}
			}
		}
	}
	return "", false
}

func equalStrings(a, b []string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}
