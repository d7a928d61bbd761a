package network

import (
	"context"
	"net/netip"
)

// Network attaches sandboxes to the pod network. Its methods are safe for concurrent use.
type Network interface {
	// Setup connects the sandbox's namespace and returns its addresses. Repeating it for
	// a connected sandbox returns the same result. When it fails, or ctx ends, whatever
	// it did is undone, except what Teardown has still to undo: call Teardown then.
	Setup(ctx context.Context, s Sandbox) (Result, error)
	// Teardown disconnects the sandbox and gives its addresses and host ports back.
	// A sandbox that is unknown, half set up or whose namespace is gone is no error.
	Teardown(ctx context.Context, s Sandbox) error
	// Prune gives back everything held by sandboxes whose SandboxID is not live: what a
	// crash between Setup and the caller's own record leaves. No Setup may run meanwhile.
	Prune(ctx context.Context, live map[string]bool) error
}

// Sandbox is a pod's network identity.
type Sandbox struct {
	PodNamespace, PodName, PodUID string
	// SandboxID is unique per attempt at running the pod, made of [a-zA-Z0-9_.-].
	SandboxID string
	// NetNS is the path of the sandbox's network namespace, as Namespaces.Create made it.
	NetNS     string
	HostPorts []HostPort
}

// HostPort opens a port of the node for the sandbox.
type HostPort struct {
	// Protocol is "tcp", "udp" or "sctp".
	Protocol string
	// HostIP limits the port to one of the node's addresses; the zero value means all.
	HostIP        netip.Addr
	HostPort      uint16
	ContainerPort uint16
}

// Result is how a sandbox is connected.
type Result struct {
	// IPs are the pod's addresses, at least one.
	IPs []netip.Addr
	// Gateway is the bridge's address on the pod's network.
	Gateway netip.Addr
	// Interface is the name inside the sandbox, "eth0".
	Interface string
}
