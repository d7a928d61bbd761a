package probe

import (
	"context"
	"io"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"taffrail.dev/nodeagent/runtime"
)

// A command's result is its exit code; what it prints is only the reason that people read.
func TestCommand(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		code         int
		output, want string
	}{
		{0, "", ""},
		{0, "noise", ""},
		{1, "not yet", "not yet"},
		{2, "", `command "test -e /ready" exited with code 2 and said nothing`},
	} {
		exec := func(_ context.Context, _ string, e runtime.Exec) (int, error) {
			_, err := io.WriteString(e.Streams.Stdout, c.output)
			return c.code, err
		}
		p := &corev1.Probe{ProbeHandler: corev1.ProbeHandler{Exec: &corev1.ExecAction{Command: []string{"test", "-e", "/ready"}}}}
		got := ""
		if err := Run(t.Context(), Target{Exec: exec}, p); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("exit code %d, output %q: %q, want %q", c.code, c.output, got, c.want)
		}
	}
}

// A command that takes too long says how long it was given.
func TestCommandTimesOut(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	exec := func(ctx context.Context, _ string, _ runtime.Exec) (int, error) {
		<-ctx.Done()
		return -1, ctx.Err()
	}
	p := &corev1.Probe{ProbeHandler: corev1.ProbeHandler{Exec: &corev1.ExecAction{Command: []string{"sleep", "9"}}}}
	if err := Run(ctx, Target{Exec: exec}, p); err == nil || err.Error() != `command timed out: "sleep 9" timed out after 0s` {
		t.Error(err)
	}
}
