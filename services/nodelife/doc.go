// Package nodelife keeps what the cluster believes of its nodes true: it notices that one
// has fallen silent, taints nodes by their conditions, evicts pods that do not tolerate a taint,
// clears away pods whose node is gone, and gives each node its range of pod addresses.
package nodelife
