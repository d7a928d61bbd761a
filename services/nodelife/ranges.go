package nodelife

import (
	"net/netip"

	corev1 "k8s.io/api/core/v1"
)

// maxRanges bounds how many node ranges are looked through.
const maxRanges = 1 << 16

// ranges are the nodes' shares of the pod addresses.
type ranges struct {
	all    netip.Prefix
	length int
	count  int
	held   map[string][]netip.Prefix // by node; what it has, or is being given
	taken  map[netip.Prefix]int
}

func newRanges(all netip.Prefix, length int) *ranges {
	r := &ranges{all: all.Masked(), length: length, held: map[string][]netip.Prefix{}, taken: map[netip.Prefix]int{}}
	if bits := length - all.Bits(); bits >= 0 && length <= all.Addr().BitLen() {
		r.count = 1 << min(bits, 16)
	}
	return r
}

// hold takes over what a node has.
func (r *ranges) hold(node *corev1.Node) {
	var has []netip.Prefix
	for _, text := range cidrs(node) {
		if p, err := netip.ParsePrefix(text); err == nil {
			has = append(has, p.Masked())
		}
	}
	if len(has) > 0 {
		r.set(node.Name, has)
	}
}

func cidrs(node *corev1.Node) []string {
	if len(node.Spec.PodCIDRs) > 0 {
		return node.Spec.PodCIDRs
	}
	if node.Spec.PodCIDR != "" {
		return []string{node.Spec.PodCIDR}
	}
	return nil
}

func (r *ranges) set(node string, has []netip.Prefix) {
	for _, p := range r.held[node] {
		if r.taken[p]--; r.taken[p] == 0 {
			delete(r.taken, p)
		}
	}
	delete(r.held, node)
	for _, p := range has {
		r.taken[p]++
	}
	if len(has) > 0 {
		r.held[node] = has
	}
}

func (r *ranges) release(node string) { r.set(node, nil) }

// give reserves the lowest free range for a node; ok is false if there is none.
func (r *ranges) give(node string) (p netip.Prefix, ok bool) {
	addr := r.all.Addr()
	for range min(r.count, maxRanges) {
		p = netip.PrefixFrom(addr, r.length)
		if !r.overlaps(p) {
			r.set(node, []netip.Prefix{p})
			return p, true
		}
		addr = after(p)
	}
	return netip.Prefix{}, false
}

// overlaps says whether any of a range is taken. Ranges of the usual length are looked
// up, others compared.
func (r *ranges) overlaps(p netip.Prefix) bool {
	if r.taken[p] > 0 {
		return true
	}
	for taken := range r.taken {
		if taken.Bits() != p.Bits() && taken.Overlaps(p) {
			return true
		}
	}
	return false
}

// after is the first address behind a prefix.
func after(p netip.Prefix) netip.Addr {
	bytes := p.Addr().AsSlice()
	carry := 1 << ((8 - p.Bits()%8) % 8)
	for i := (p.Bits() - 1) / 8; i >= 0 && carry > 0; i-- {
		sum := int(bytes[i]) + carry
		bytes[i] = byte(sum)
		carry = sum >> 8
	}
	addr, _ := netip.AddrFromSlice(bytes)
	return addr
}
