package logs

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
)

// Main is the log process: it listens at socket, says so on ready, and serves until ctx ends.
// A second one at the same socket ends at once.
func Main(ctx context.Context, socket string, ready io.WriteCloser) error {
	lock, err := os.OpenFile(socket+".lock", os.O_CREATE|os.O_RDWR|syscall.O_CLOEXEC, 0o600)
	if err != nil {
		return err
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return fmt.Errorf("another log process serves %s: %w", socket, err)
	}
	if err := os.WriteFile(socket+".pid", fmt.Appendf(nil, "%d", os.Getpid()), 0o600); err != nil {
		return err
	}
	_ = os.Remove(socket)
	l, err := net.Listen("unix", socket)
	if err != nil {
		return err
	}
	if _, err := io.WriteString(ready, readyLine); err != nil {
		return err
	}
	if err := ready.Close(); err != nil {
		return err
	}
	return Serve(ctx, l)
}
