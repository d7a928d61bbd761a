// Package nodeagent runs a node's pods: the only code of Taffrail's that touches a
// kernel. It follows its own assignment, drives containerd, CNI and the proxy's dataplane, and
// reports what it sees by commands.
package nodeagent
