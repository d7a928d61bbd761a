// Package daemon starts, adopts and supervises containerd for one node: a child in its
// own session with its own root, state and socket, which outlives the agent that started it
// (containers must not notice the agent's death) and is found again by its socket and pid file.
package daemon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"go.uber.org/zap"
)

// Config says where a containerd lives.
type Config struct {
	// Root keeps images and metadata and survives a reboot; State need not.
	Root, State string
	// Socket is the gRPC socket's path, at most 100 bytes (the kernel's limit is 107 with the ttrpc suffix).
	Socket string
	// Bin is the folder of containerd and containerd-shim-runc-v2.
	Bin string
	Log *zap.Logger
}

// Daemon is a containerd that is or will be running.
type Daemon struct{ cfg Config }

// New describes a containerd; nothing is started.
func New(cfg Config) *Daemon { return &Daemon{cfg: cfg} }

// ErrNoRunc says that the host has no OCI runtime.
var ErrNoRunc = errors.New("runc is not installed or not on the PATH (Debian: apt-get install runc)")

// searchPath is the PATH of containerd and its shims: our programs first, then the host's, sbin included.
func (d *Daemon) searchPath() string {
	return strings.Join([]string{d.cfg.Bin, os.Getenv("PATH"), "/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/bin", "/bin"}, ":")
}

func (d *Daemon) validate() error {
	if n := len(d.cfg.Socket); n > 100 {
		return fmt.Errorf("containerd's socket path %q has %d bytes, more than the 100 a socket can have", d.cfg.Socket, n)
	}
	for _, p := range []string{"containerd", "containerd-shim-runc-v2"} {
		if _, err := os.Stat(filepath.Join(d.cfg.Bin, p)); err != nil {
			return fmt.Errorf("missing program: %w", err)
		}
	}
	for _, dir := range strings.Split(d.searchPath(), ":") {
		if st, err := os.Stat(filepath.Join(dir, "runc")); err == nil && st.Mode()&0o111 != 0 {
			return nil
		}
	}
	return ErrNoRunc
}

// Ensure returns once containerd listens: the one already running, or a new one.
func (d *Daemon) Ensure(ctx context.Context) error {
	if d.listening() {
		return nil
	}
	if err := d.validate(); err != nil {
		return err
	}
	d.killStale()
	started := time.Now()
	exited, err := d.start()
	if err != nil {
		return err
	}
	for tick := time.NewTicker(5 * time.Millisecond); ; {
		select {
		case <-ctx.Done():
			tick.Stop()
			return ctx.Err()
		case err := <-exited:
			tick.Stop()
			return fmt.Errorf("containerd ended while starting: %w; last lines of %s:\n%s", err, d.logFile(), d.tail())
		case <-tick.C:
			if d.listening() {
				tick.Stop()
				d.cfg.Log.Info("containerd is up", zap.Duration("took", time.Since(started)))
				return nil
			}
		}
	}
}

// Run keeps containerd alive until ctx ends; it leaves it running then.
func (d *Daemon) Run(ctx context.Context) error {
	for wait := 100 * time.Millisecond; ; {
		if err := d.Ensure(ctx); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			d.cfg.Log.Error("containerd does not start", zap.Error(err))
		} else {
			wait = 100 * time.Millisecond
			d.untilGone(ctx)
			if ctx.Err() != nil {
				return nil
			}
			d.cfg.Log.Warn("containerd has ended; starting it again")
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
			wait = min(2*wait, 10*time.Second)
		}
	}
}

// untilGone holds a connection open: its end is the daemon's.
func (d *Daemon) untilGone(ctx context.Context) {
	c, err := net.Dial("unix", d.cfg.Socket+".ttrpc")
	if err != nil {
		return
	}
	stop := context.AfterFunc(ctx, func() { c.Close() })
	defer stop()
	_, _ = io.Copy(io.Discard, c)
	c.Close()
}

func (d *Daemon) start() (<-chan error, error) {
	for _, dir := range []string{d.cfg.Root, d.cfg.State, filepath.Dir(d.cfg.Socket)} {
		if err := os.MkdirAll(dir, 0o711); err != nil {
			return nil, err
		}
	}
	file := filepath.Join(d.cfg.State, "containerd.toml")
	if err := os.WriteFile(file, []byte(d.cfg.configuration()), 0o600); err != nil {
		return nil, err
	}
	log, err := os.OpenFile(d.logFile(), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	cmd := exec.Command(filepath.Join(d.cfg.Bin, "containerd"), "--config", file, "--log-level", "warn")
	cmd.Env = append(os.Environ(), "PATH="+d.searchPath(), "GOGC=50", "GOMEMLIMIT=100MiB")
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start containerd: %w", err)
	}
	exited := make(chan error, 1)
	go func() {
		err := cmd.Wait()
		if err == nil {
			err = errors.New("exit status 0")
		}
		exited <- err
	}()
	return exited, os.WriteFile(d.pidFile(), []byte(strconv.Itoa(cmd.Process.Pid)), 0o600)
}

func (d *Daemon) pidFile() string { return filepath.Join(d.cfg.State, "containerd.pid") }
func (d *Daemon) logFile() string { return filepath.Join(d.cfg.State, "containerd.log") }

func (d *Daemon) listening() bool {
	c, err := net.DialTimeout("unix", d.cfg.Socket, time.Second)
	if err != nil {
		return false
	}
	c.Close()
	return true
}

func (d *Daemon) tail() string {
	b, _ := os.ReadFile(d.logFile())
	if len(b) > 2000 {
		b = b[len(b)-2000:]
	}
	return string(b)
}

// PID is the running containerd's process, 0 if none is.
func (d *Daemon) PID() int {
	b, err := os.ReadFile(d.pidFile())
	if err != nil {
		return 0
	}
	pid, _ := strconv.Atoi(strings.TrimSpace(string(b)))
	cmdline, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil || !strings.Contains(string(cmdline), filepath.Join(d.cfg.State, "containerd.toml")) {
		return 0
	}
	return pid
}

// killStale ends a containerd of ours that runs without listening.
func (d *Daemon) killStale() {
	if pid := d.PID(); pid > 0 {
		_ = syscall.Kill(pid, syscall.SIGKILL)
		_ = awaitExit(context.Background(), pid)
	}
}

// Stop ends containerd and waits for it; shims and containers are not touched.
func (d *Daemon) Stop(ctx context.Context) error {
	pid := d.PID()
	if pid == 0 {
		return nil
	}
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil && !errors.Is(err, syscall.ESRCH) {
		return err
	}
	return awaitExit(ctx, pid)
}

// awaitExit waits for a process, which need not be a child, by its pidfd.
func awaitExit(ctx context.Context, pid int) error {
	p, err := os.FindProcess(pid)
	if err != nil {
		return nil
	}
	for tick := time.NewTicker(5 * time.Millisecond); ; {
		if err := p.Signal(syscall.Signal(0)); err != nil || zombie(pid) {
			tick.Stop()
			return nil
		}
		select {
		case <-ctx.Done():
			tick.Stop()
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// zombie says whether the process has ended and only waits to be reaped by its parent.
func zombie(pid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return true
	}
	i := strings.LastIndexByte(string(b), ')')
	return i > 0 && i+2 < len(b) && b[i+2] == 'Z'
}
