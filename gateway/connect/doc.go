// Package connect serves what is not an answer but a connection: a pod's logs, exec, attach and port-forward,
// which its node's kubelet API serves, and proxies to nodes, services and pods.
//
// Upgraded connections, SPDY or web sockets, are passed through as they are, with two exceptions that only the
// gateway understands: v5.channel.k8s.io is translated to SPDY, and SPDY tunnelled through a web socket is
// taken out of it.
package connect
