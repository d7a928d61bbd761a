// Package instance runs a control plane as a process of its own, for tests and
// benchmarks that kill it and for those that measure it.
package instance

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"taffrail.dev/tests/bench/load"
)

// Instance is a running control plane.
type Instance struct {
	URL string
	// TLS has the administrator's certificate.
	TLS *tls.Config
	// Kubeconfig is the administrator's.
	Kubeconfig string
	// Ready is the time from the process's start to its first ready answer.
	Ready time.Duration

	command *exec.Cmd
	output  bytes.Buffer
	ended   chan struct{}
	err     error // the process's; after ended
}

// Setup says how a control plane is run.
type Setup struct {
	Binary, Data string
	// Args are flags beside those that every instance has.
	Args []string
	// Through is a program and its arguments that runs the binary in its own place
	// (nsenter); none to run it as it is.
	Through []string
	// Root is where this process sees the root of the control plane's file system; "" if they share it.
	Root string
}

// Programs is the folder of what is tested: TAFFRAIL_BIN, or where `make build` puts it.
func Programs() string {
	if folder := os.Getenv("TAFFRAIL_BIN"); folder != "" {
		return folder
	}
	return filepath.Join(root(), "bin")
}

// Binary is the control plane's.
func Binary() string { return filepath.Join(Programs(), "taffrail") }

// root is the repository's: the folder that has go.work.
func root() string {
	folder, err := os.Getwd()
	for ; err == nil && folder != "/"; folder = filepath.Dir(folder) {
		if _, err := os.Stat(filepath.Join(folder, "go.work")); err == nil {
			return folder
		}
	}
	return ""
}

// Start runs `taffrail up --no-node` on a data dir and waits until it is ready.
func Start(ctx context.Context, binary, data string) (*Instance, error) {
	return Setup{Binary: binary, Data: data}.Start(ctx)
}

// Start runs the control plane and waits until it is ready.
func (s Setup) Start(ctx context.Context) (*Instance, error) {
	begun := time.Now()
	i, err := s.Launch(ctx)
	if err != nil {
		return nil, err
	}
	if err := i.await(ctx); err != nil {
		i.Kill()
		return nil, fmt.Errorf("%w\n%s", err, i.Output())
	}
	i.Ready = time.Since(begun)
	return i, nil
}

// Launch runs the control plane and does not wait.
func (s Setup) Launch(ctx context.Context) (*Instance, error) {
	port, err := FreePort()
	if err != nil {
		return nil, err
	}
	args := append(append([]string(nil), s.Through...), s.Binary, "up", "--no-node", "--data-dir", s.Data, "--https-port", strconv.Itoa(port))
	args = append(args, s.Args...)
	i := &Instance{
		URL: fmt.Sprintf("https://127.0.0.1:%d", port), Kubeconfig: filepath.Join(s.Root, s.Data, "kubeconfig"),
		command: exec.CommandContext(ctx, args[0], args[1:]...), ended: make(chan struct{}),
	}
	i.command.Stdout, i.command.Stderr = &i.output, &i.output
	i.command.Cancel = func() error { return i.command.Process.Signal(syscall.SIGTERM) }
	if err := i.command.Start(); err != nil {
		return nil, err
	}
	go func() {
		i.err = i.command.Wait()
		close(i.ended)
	}()
	return i, nil
}

func (i *Instance) await(ctx context.Context) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	limit, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	var last error
	for {
		select {
		case <-limit.Done():
			return fmt.Errorf("not ready: %w (last: %v)", limit.Err(), last)
		case <-i.ended:
			return fmt.Errorf("ended before it was ready: %w", i.err)
		case <-tick.C:
		}
		if last = i.probe(); last == nil {
			return nil
		}
	}
}

func (i *Instance) probe() error {
	config, err := clientcmd.BuildConfigFromFlags(i.URL, i.Kubeconfig)
	if err != nil {
		return err
	}
	if i.TLS, err = rest.TLSConfigFor(config); err != nil {
		return err
	}
	conn, err := load.Dial(i.URL, i.TLS)
	if err != nil {
		return err
	}
	defer conn.Close()
	answer, err := conn.Do(load.Request{Method: "GET", Path: "/readyz"})
	if err == nil && answer.Status != 200 {
		err = fmt.Errorf("/readyz answered %d", answer.Status)
	}
	return err
}

// Dial opens n connections.
func (i *Instance) Dial(n int) ([]*load.Conn, error) {
	conns := make([]*load.Conn, n)
	for k := range conns {
		var err error
		if conns[k], err = load.Dial(i.URL, i.TLS); err != nil {
			return nil, err
		}
	}
	return conns, nil
}

// Memory is the process's resident memory in bytes.
func (i *Instance) Memory() int64 {
	file, err := os.Open(fmt.Sprintf("/proc/%d/status", i.command.Process.Pid))
	if err != nil {
		return 0
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if f := strings.Fields(lines.Text()); len(f) > 1 && f[0] == "VmRSS:" {
			kib, _ := strconv.ParseInt(f[1], 10, 64)
			return kib << 10
		}
	}
	return 0
}

// CPU is the processor time that the process has used.
func (i *Instance) CPU() time.Duration {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", i.command.Process.Pid))
	if err != nil {
		return 0
	}
	// After the name in parentheses: state is field 3, user and system time 14 and 15, in ticks of 1/100 s.
	f := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(f) < 13 {
		return 0
	}
	user, _ := strconv.Atoi(f[11])
	system, _ := strconv.Atoi(f[12])
	return time.Duration(user+system) * 10 * time.Millisecond
}

// Stop ends the process cleanly.
func (i *Instance) Stop() error {
	if err := i.command.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	return i.Wait()
}

// Wait waits for the process's end; its error is that of [exec.Cmd.Wait].
func (i *Instance) Wait() error {
	<-i.ended
	return i.err
}

// Kill ends the process as a power switch would.
func (i *Instance) Kill() {
	_ = i.command.Process.Kill() // it may have ended by itself
	<-i.ended
}

// Output is what the process has logged; call it once the process has ended.
func (i *Instance) Output() string { return i.output.String() }

// FreePort is a port on loopback that nobody has now.
func FreePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}
