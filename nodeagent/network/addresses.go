package network

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"encoding/binary"
)

// The names host-local gives its files.
const (
	lastReserved = "last_reserved_ip.0"
	networkName  = "taffrail"
	interfaceIn  = "eth0"
)

// addresses are the pod addresses taken, a file each, named by the address and holding the
// sandbox and the interface: host-local's format. The files are the truth across restarts;
// the maps mirror them, so that taking an address reads none.
type addresses struct {
	dir  string
	cidr netip.Prefix

	mu    sync.Mutex
	owner map[netip.Addr]string
	of    map[string]netip.Addr
	last  netip.Addr
}

// loadAddresses reads the addresses taken; files that are not addresses are left alone.
func loadAddresses(dir string, cidr netip.Prefix) (*addresses, error) {
	a := &addresses{dir: dir, cidr: cidr, owner: map[netip.Addr]string{}, of: map[string]netip.Addr{}}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, entry := range entries {
		content, err := os.ReadFile(filepath.Join(dir, entry.Name()))
		if err != nil {
			return nil, err
		}
		if entry.Name() == lastReserved {
			a.last, _ = netip.ParseAddr(strings.TrimSpace(string(content)))
		} else if addr, err := netip.ParseAddr(entry.Name()); err == nil {
			id, _, _ := strings.Cut(string(content), "\r\n")
			a.owner[addr], a.of[strings.TrimSpace(id)] = strings.TrimSpace(id), addr
		}
	}
	return a, nil
}

// take gives the sandbox an address, the one it has if it has one.
func (a *addresses) take(id string) (netip.Addr, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if addr, ok := a.of[id]; ok {
		return addr, nil
	}
	addr, ok := a.next()
	if !ok {
		return netip.Addr{}, fmt.Errorf("no address left in %s: %d are taken", a.cidr, len(a.owner))
	}
	if err := os.WriteFile(a.file(addr), []byte(id+"\r\n"+interfaceIn), 0o600); err != nil {
		return netip.Addr{}, err
	}
	if err := os.WriteFile(filepath.Join(a.dir, lastReserved), []byte(addr.String()), 0o600); err != nil {
		return netip.Addr{}, errors.Join(err, os.Remove(a.file(addr)))
	}
	a.owner[addr], a.of[id], a.last = id, addr, addr
	return addr, nil
}

// next finds a free address after the last taken, going round, so that an address rests
// before it is used again. The network's, the bridge's and the broadcast address are nobody's.
func (a *addresses) next() (netip.Addr, bool) {
	low := a.cidr.Addr().Next().Next()
	high := broadcast(a.cidr)
	at := a.last
	for range 1 << (32 - a.cidr.Bits()) {
		if at = at.Next(); !a.cidr.Contains(at) || at.Less(low) || !at.Less(high) {
			at = low
		}
		if _, taken := a.owner[at]; !taken {
			return at, true
		}
	}
	return netip.Addr{}, false
}

// give returns the sandbox's address, if it has one.
func (a *addresses) give(id string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	addr, ok := a.of[id]
	if !ok {
		return nil
	}
	if err := os.Remove(a.file(addr)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	delete(a.owner, addr)
	delete(a.of, id)
	return nil
}

// sandboxes lists who has an address.
func (a *addresses) sandboxes() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	ids := make([]string, 0, len(a.of))
	for id := range a.of {
		ids = append(ids, id)
	}
	return ids
}

func (a *addresses) file(addr netip.Addr) string { return filepath.Join(a.dir, addr.String()) }

// broadcast is the prefix's last address.
func broadcast(prefix netip.Prefix) netip.Addr {
	four := prefix.Addr().As4()
	host := uint32(1)<<(32-prefix.Bits()) - 1
	binary.BigEndian.PutUint32(four[:], binary.BigEndian.Uint32(four[:])|host)
	return netip.AddrFrom4(four)
}
