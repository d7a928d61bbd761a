// Package ipvs is the dataplane in the kernel's virtual server. Virtual addresses are bound to
// a dummy interface, so that their packets reach it; a node port is a virtual server at each
// of the node's addresses. Which clients are hidden behind the node's address is decided by rules
// that never change, over named sets that do.
package ipvs
