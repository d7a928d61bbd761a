package ipvs

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"os/exec"
	"strings"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"taffrail.dev/nodeagent/network/netns"
)

// ipSets are the kernel's ipsets, under rules of the legacy iptables: for kernels whose
// nftables lacks IPv4.
type ipSets struct{ config Config }

// ruleComment is found in each of the rules.
const ruleComment = "taffrail-ipvs"

func openIPSets(config Config) (*ipSets, error) {
	err := netns.Do(config.HostNS, func() error {
		for _, name := range setNames {
			kind := "hash:ip,port"
			if name == hairpinSet {
				kind = "hash:ip,port,ip"
			}
			options := netlink.IpsetCreateOptions{Replace: true, Family: unix.AF_INET, MaxElements: 1 << 20}
			if err := netlink.IpsetCreate(name, kind, options); err != nil {
				return fmt.Errorf("ipset %s: %w", name, err)
			}
		}
		return changeRules(config, true)
	})
	if err != nil {
		return nil, err
	}
	return &ipSets{config}, nil
}

// rule is a table, a chain and the rest.
type rule struct{ table, chain, spec string }

func ipRules(pods netip.Prefix) []rule {
	mark := fmt.Sprintf("-j MARK --or-mark %#x", masquerade)
	var rules []rule
	for _, chain := range []string{"PREROUTING", "OUTPUT"} {
		rules = append(rules,
			rule{"mangle", chain, "-m set --match-set " + dropSet + " dst,dst -j DROP"},
			rule{"mangle", chain, "-m set --match-set " + everySet + " dst,dst " + mark},
			rule{"mangle", chain, "-m set --match-set " + outsideSet + " dst,dst ! -s " + pods.String() + " " + mark})
	}
	return append(rules,
		rule{"nat", "POSTROUTING", fmt.Sprintf("-m mark --mark %#x/%#x -j MASQUERADE", masquerade, masquerade)},
		rule{"nat", "POSTROUTING", "-m set --match-set " + hairpinSet + " dst,dst,src -j MASQUERADE"})
}

// changeRules adds the rules, or removes them, in the thread's namespace. Programs are slow to
// start, so it is one that looks and, if something is to change, one more.
func changeRules(config Config, want bool) error {
	saved, err := exec.Command("iptables-legacy-save").Output()
	if err != nil {
		return fmt.Errorf("iptables-legacy-save: %w", err)
	}
	if has := bytes.Contains(saved, []byte(ruleComment)); has == want {
		return nil
	}
	command := map[bool]string{true: "-A", false: "-D"}[want]
	var input strings.Builder
	table := ""
	for _, rule := range ipRules(config.Pods) {
		if rule.table != table {
			if table != "" {
				input.WriteString("COMMIT\n")
			}
			table = rule.table
			fmt.Fprintf(&input, "*%s\n", table)
		}
		fmt.Fprintf(&input, "%s %s -m comment --comment %s %s\n", command, rule.chain, ruleComment, rule.spec)
	}
	input.WriteString("COMMIT\n")
	restore := exec.Command("iptables-legacy-restore", "--wait", "--noflush")
	restore.Stdin = strings.NewReader(input.String())
	if out, err := restore.CombinedOutput(); err != nil {
		return fmt.Errorf("iptables-legacy-restore: %w: %s", err, bytes.TrimSpace(out))
	}
	return nil
}

// removeIPSets removes the rules and then the sets; in a kernel without ipsets there are none.
func removeIPSets(config Config) error {
	return netns.Do(config.HostNS, func() error {
		if _, err := netlink.IpsetListAll(); err != nil {
			return nil
		}
		if err := changeRules(config, false); err != nil {
			return err
		}
		for _, name := range setNames {
			err := netlink.IpsetDestroy(name)
			if err != nil && !errors.Is(err, unix.ENOENT) {
				return fmt.Errorf("ipset %s: %w", name, err)
			}
		}
		return nil
	})
}

func (s *ipSets) list() (all []member, err error) {
	err = netns.Do(s.config.HostNS, func() error {
		for _, name := range setNames {
			set, err := netlink.IpsetList(name)
			if err != nil {
				return fmt.Errorf("ipset %s: %w", name, err)
			}
			for _, entry := range set.Entries {
				addr, ok := netip.AddrFromSlice(entry.IP)
				if ok && entry.Protocol != nil && entry.Port != nil {
					all = append(all, member{name, addr.Unmap(), *entry.Protocol, *entry.Port})
				}
			}
		}
		return nil
	})
	return all, err
}

func (s *ipSets) change(add, remove []member) error {
	return netns.Do(s.config.HostNS, func() error {
		for _, one := range remove {
			if err := netlink.IpsetDel(one.set, one.entry()); err != nil && !errors.Is(err, nl.IPSetError(nl.IPSET_ERR_EXIST)) {
				return fmt.Errorf("ipset %s: %w", one.set, err)
			}
		}
		for _, one := range add {
			if err := netlink.IpsetAdd(one.set, one.entry()); err != nil {
				return fmt.Errorf("ipset %s: %w", one.set, err)
			}
		}
		return nil
	})
}

func (m member) entry() *netlink.IPSetEntry {
	protocol, port := m.protocol, m.port
	entry := &netlink.IPSetEntry{IP: m.addr.AsSlice(), Protocol: &protocol, Port: &port, Replace: true}
	if m.set == hairpinSet {
		entry.IP2 = m.addr.AsSlice()
	}
	return entry
}

func (s *ipSets) close() error { return nil }
