package probe

import (
	"context"
	"io"
	"testing"

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
