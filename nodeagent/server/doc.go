// Package server is the node's HTTPS API, with the kubelet's paths: logs, exec, attach,
// port-forward, statistics. Only the gateway may use it, by its client certificate.
package server
