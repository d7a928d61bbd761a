// Package e2e runs a whole cluster, the very binary that users run, with real
// containers, and talks to it with real clients. The cluster has a network namespace of its own, so
// that nothing of this machine's network is touched.
package e2e
