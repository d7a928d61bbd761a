package proxy

import "context"

// Dataplane is the part of a kernel that virtual servers are told to. One goroutine calls it.
// After an error it is closed and opened anew, and told everything; that is always harmless.
type Dataplane interface {
	// Open prepares the kernel and reads the servers it has, which go on serving as they
	// are until they are updated, deleted or pruned.
	Open(ctx context.Context) error
	// Update makes the kernel serve each server as described, whatever it did for its
	// frontend before. Connections to backends that remain go on; TCP connections to
	// others go on until they end, datagrams are sent elsewhere.
	Update(ctx context.Context, servers []Server) error
	// Delete ends serving the frontends; one that is not served is no error.
	Delete(ctx context.Context, frontends []Frontend) error
	// Prune deletes what keep denies: what an earlier process told the kernel, and nobody wants now.
	Prune(ctx context.Context, keep func(Frontend) bool) error
	// Close lets go of the kernel, which goes on serving.
	Close() error
	// Cleanup removes every rule, interface and set of the dataplane's. Open is not needed before.
	Cleanup(ctx context.Context) error
}
