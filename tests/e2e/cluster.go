package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Cluster is a running all-in-one.
type Cluster struct {
	Bin, Data string
	process   *exec.Cmd
	log       *os.File
}

// Start runs `taffrail up` on a data dir and waits until it says that it is ready.
func Start(bin, data string, args ...string) (*Cluster, error) {
	log, err := os.OpenFile(data+".log", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	c := &Cluster{Bin: bin, Data: data, log: log}
	return c, c.up(args...)
}

func (c *Cluster) up(args ...string) error {
	ready, w, err := os.Pipe()
	if err != nil {
		return err
	}
	defer ready.Close()
	c.process = exec.Command(filepath.Join(c.Bin, "taffrail"), append([]string{"up", "--data-dir", c.Data, "--https-port", "6443", "--ready-fd", "3"}, args...)...)
	c.process.ExtraFiles = []*os.File{w}
	c.process.Stdout, c.process.Stderr = c.log, c.log
	if err := c.process.Start(); err != nil {
		return err
	}
	w.Close()
	_ = ready.SetReadDeadline(time.Now().Add(2 * time.Minute))
	text, err := io.ReadAll(ready)
	if err != nil || !strings.Contains(string(text), "ready") {
		return fmt.Errorf("the cluster is not ready: %q %w\n%s", text, err, c.Log())
	}
	return nil
}

// Log is the end of what the cluster has logged.
func (c *Cluster) Log() string {
	text, err := os.ReadFile(c.Data + ".log")
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-16<<10):])
}

// Kill ends the process as a power switch would, and reaps it.
func (c *Cluster) Kill() {
	_ = c.process.Process.Kill()
	_ = c.process.Wait()
}

// Down stops the cluster and removes what it left.
func (c *Cluster) Down() error {
	down := exec.Command(filepath.Join(c.Bin, "taffrail"), "down", "--data-dir", c.Data)
	text, err := down.CombinedOutput()
	_ = c.process.Wait()
	if err != nil {
		return fmt.Errorf("taffrail down: %w\n%s", err, text)
	}
	return nil
}

// Kubectl runs kubectl with the administrator's kubeconfig; input is its standard
// input. The output is both standard output and error.
func (c *Cluster) Kubectl(ctx context.Context, input string, args ...string) (string, error) {
	k := exec.CommandContext(ctx, filepath.Join(c.Bin, "kubectl"), append([]string{"--kubeconfig", filepath.Join(c.Data, "kubeconfig")}, args...)...)
	k.Stdin = strings.NewReader(input)
	k.Cancel = func() error { return k.Process.Signal(syscall.SIGTERM) }
	k.WaitDelay = 5 * time.Second
	var out bytes.Buffer
	k.Stdout, k.Stderr = &out, &out
	err := k.Run()
	return out.String(), err
}

// Must is Kubectl's output; an error ends the test.
func (c *Cluster) Must(t testing.TB, args ...string) string {
	t.Helper()
	return c.MustApply(t, "", args...)
}

// MustApply is Must with standard input.
func (c *Cluster) MustApply(t testing.TB, input string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	out, err := c.Kubectl(ctx, input, args...)
	if err != nil {
		t.Fatalf("kubectl %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// Refused runs kubectl and wants it to fail with an output that has the text.
func (c *Cluster) Refused(t testing.TB, input, want string, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	out, err := c.Kubectl(ctx, input, args...)
	var exit *exec.ExitError
	if !errors.As(err, &exit) || !strings.Contains(out, want) {
		t.Errorf("kubectl %s: %v\n%s\nwant a failure that says %q", strings.Join(args, " "), err, out, want)
	}
}

// Eventually asks until the output has the text, or the time ends.
func (c *Cluster) Eventually(t testing.TB, limit time.Duration, want string, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		out, err := c.Kubectl(ctx, "", args...)
		if err == nil && strings.Contains(out, want) {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("kubectl %s: %v\n%s\nwant %q within %s", strings.Join(args, " "), err, out, want, limit)
		case <-tick.C:
		}
	}
}
