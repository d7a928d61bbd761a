package nodeagent

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/containerd/containerd/v2/client"
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"
	corev1 "k8s.io/api/core/v1"

	"taffrail.dev/nodeagent/logs"
	"taffrail.dev/nodeagent/runtime"
	"taffrail.dev/nodeagent/runtime/cgroup"
	"taffrail.dev/nodeagent/runtime/daemon"
)

// Leftovers are what an agent that has stopped left running: the folders of its Config.
type Leftovers struct {
	DataDir, StateDir, Socket, BinDir, CgroupRoot string
	Log                                           *zap.Logger
}

// TearDown ends an agent's containers, containerd and its log process, and removes their
// namespaces, mounts and cgroups. Images, logs and the assignment stay. Repeating it is no error.
func TearDown(ctx context.Context, l Leftovers) error {
	if l.CgroupRoot == "" {
		l.CgroupRoot = "/kubepods"
	}
	if l.Socket == "" {
		l.Socket = filepath.Join(l.StateDir, "containerd.sock")
	}
	err := errors.Join(l.endContainers(ctx), l.endLogs(ctx), l.unmount())
	return errors.Join(err, cgroup.New("/sys/fs/cgroup").Remove(l.CgroupRoot), os.RemoveAll(l.StateDir))
}

// endContainers needs containerd, and starts it for that if it has died.
func (l Leftovers) endContainers(ctx context.Context) error {
	if _, err := os.Stat(filepath.Join(l.DataDir, "containerd")); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	d := daemon.New(daemon.Config{Root: filepath.Join(l.DataDir, "containerd"), State: filepath.Join(l.StateDir, "containerd"), Socket: l.Socket, Bin: l.BinDir, Log: l.Log})
	if err := d.Ensure(ctx); err != nil {
		return err
	}
	cl, err := client.New(l.Socket, client.WithTimeout(10*time.Second))
	if err != nil {
		return fmt.Errorf("connect to containerd: %w", err)
	}
	err = l.removeAll(ctx, cl)
	return errors.Join(err, cl.Close(), d.Stop(ctx))
}

func (l Leftovers) removeAll(ctx context.Context, cl *client.Client) error {
	r := runtime.NewContainerd(runtime.Config{
		Client: cl, Logs: &logs.Client{Program: filepath.Join(l.BinDir, "taffrail-logger"), Socket: l.logSocket()},
		Root: l.DataDir, State: l.StateDir, Cgroups: cgroup.New("/sys/fs/cgroup"), Log: l.Log,
		CgroupParent: func(*corev1.Pod) string { return "" },
	})
	found, err := r.List(ctx)
	if err != nil {
		return err
	}
	group, removing := errgroup.WithContext(ctx)
	group.SetLimit(busy)
	for _, c := range found {
		group.Go(func() error { return r.Remove(removing, c.ID) })
	}
	if err := group.Wait(); err != nil {
		return err
	}
	for _, uid := range r.Sandboxes() {
		if err := r.RemoveSandbox(ctx, uid); err != nil {
			return err
		}
	}
	return nil
}

func (l Leftovers) logSocket() string { return filepath.Join(l.StateDir, "logs.sock") }

// endLogs stops the log process by its pid file and waits for its end.
func (l Leftovers) endLogs(ctx context.Context) error {
	text, err := os.ReadFile(l.logSocket() + ".pid")
	if err != nil {
		return nil // it never ran
	}
	pid, err := strconv.Atoi(string(bytes.TrimSpace(text)))
	if err != nil {
		return fmt.Errorf("log process: %w", err)
	}
	command, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil || !bytes.Contains(command, []byte(l.logSocket())) {
		return nil // it has ended, and its number is another's
	}
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return nil
	}
	defer unix.Close(fd)
	if err := unix.PidfdSendSignal(fd, syscall.SIGTERM, nil, 0); err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("stop log process %d: %w", pid, err)
	}
	limit := 10 * time.Second
	if at, ok := ctx.Deadline(); ok {
		limit = min(limit, time.Until(at))
	}
	_, err = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, int(limit.Milliseconds()))
	return err
}

// unmount takes away every mount below the agent's folders, the inner ones first.
func (l Leftovers) unmount() error {
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return err
	}
	var below []string
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) > 4 && (within(fields[4], l.DataDir) || within(fields[4], l.StateDir)) {
			below = append(below, fields[4])
		}
	}
	var failed []error
	for _, target := range slices.Backward(below) {
		if err := unix.Unmount(target, unix.MNT_DETACH); err != nil && !errors.Is(err, unix.EINVAL) {
			failed = append(failed, fmt.Errorf("unmount %s: %w", target, err))
		}
	}
	return errors.Join(failed...)
}

func within(path, dir string) bool { return strings.HasPrefix(path, strings.TrimSuffix(dir, "/")+"/") }
