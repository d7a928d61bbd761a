package replicas

import (
	"bytes"
	"os/exec"
	"sync"
	"syscall"
	"testing"
	"time"
)

// part is a process of the cluster that can be killed, paused and started again.
type part struct {
	name    string
	command func() *exec.Cmd
	// ready is nil once the process does its work.
	ready func() error

	mu      sync.Mutex
	process *exec.Cmd
	ended   chan struct{}
	output  bytes.Buffer // of all its lives; the process's alone while it runs
}

// start runs the process and returns once it is ready.
func (p *part) start(t *testing.T) {
	t.Helper()
	p.mu.Lock()
	p.process, p.ended = p.command(), make(chan struct{})
	process, ended := p.process, p.ended
	process.Stdout, process.Stderr = &p.output, &p.output
	err := process.Start()
	p.mu.Unlock()
	if err != nil {
		t.Fatalf("%s: %v", p.name, err)
	}
	go func() {
		_ = process.Wait() // killed
		close(ended)
	}()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(time.Minute); ; {
		last := p.ready()
		if last == nil {
			return
		}
		select {
		case <-tick.C:
		case <-ended:
			t.Fatalf("%s ended\n%s", p.name, p.output.String())
		case <-deadline:
			t.Fatalf("%s is not ready: %v", p.name, last)
		}
	}
}

func (p *part) signal(s syscall.Signal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.process != nil && p.process.Process != nil {
		_ = p.process.Process.Signal(s) // it may have ended
	}
}

// kill ends the process between any two of its instructions.
func (p *part) kill() {
	p.signal(syscall.SIGKILL)
	if p.ended != nil {
		<-p.ended
	}
}
