// Package network connects pod sandboxes: it makes their network namespaces, gives each an
// interface on the node's bridge with an address of the node's pod CIDR, and opens host ports.
//
// Network is the contract. CNI runs the standard plugins (bridge, host-local, loopback);
// Bridge does the same work in this process over netlink, keeping host-local's files, so
// that either can take over a node from the other. Both, and the fake, pass networktest.
package network
