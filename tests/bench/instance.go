package main

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

// instance is a control plane under measurement.
type instance struct {
	command *exec.Cmd
	output  bytes.Buffer
	url     string
	tls     *tls.Config
	// ready is the time from the process's start to its first ready answer.
	ready time.Duration
}

// start runs `taffrail up --no-node` on a data dir and waits until it is ready.
func start(ctx context.Context, binary, data string) (*instance, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	i := &instance{command: exec.CommandContext(ctx, binary, "up", "--no-node", "--data-dir", data, "--https-port", strconv.Itoa(port))}
	i.command.Stdout, i.command.Stderr = &i.output, &i.output
	i.command.Cancel = func() error { return i.command.Process.Signal(syscall.SIGTERM) }
	begun := time.Now()
	if err := i.command.Start(); err != nil {
		return nil, err
	}
	i.url = fmt.Sprintf("https://127.0.0.1:%d", port)
	if err := i.await(ctx, filepath.Join(data, "kubeconfig")); err != nil {
		return nil, fmt.Errorf("%w\n%s", err, i.output.String())
	}
	i.ready = time.Since(begun)
	return i, nil
}

func (i *instance) await(ctx context.Context, kubeconfig string) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	limit, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	var last error
	for {
		select {
		case <-limit.Done():
			return fmt.Errorf("not ready: %w (last: %v)", limit.Err(), last)
		case <-tick.C:
		}
		if last = i.probe(kubeconfig); last == nil {
			return nil
		}
	}
}

func (i *instance) probe(kubeconfig string) error {
	config, err := clientcmd.BuildConfigFromFlags(i.url, kubeconfig)
	if err != nil {
		return err
	}
	if i.tls, err = rest.TLSConfigFor(config); err != nil {
		return err
	}
	conn, err := load.Dial(i.url, i.tls)
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

func (i *instance) dial(n int) ([]*load.Conn, error) {
	conns := make([]*load.Conn, n)
	for k := range conns {
		var err error
		if conns[k], err = load.Dial(i.url, i.tls); err != nil {
			return nil, err
		}
	}
	return conns, nil
}

// memory is the process's resident memory in bytes.
func (i *instance) memory() int64 {
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

func (i *instance) stop() error {
	if err := i.command.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	return i.command.Wait()
}

func (i *instance) kill() {
	i.command.Process.Kill()
	i.command.Wait() // killed: its error says so
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}
