package logs_test

import (
	"bytes"
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"taffrail.dev/nodeagent/logs"
)

// collecting is a server in this process with one container's pipes.
func collecting(t *testing.T, limits logs.Limits) (c *logs.Client, stdout, stderr *os.File, path string) {
	t.Helper()
	dir := t.TempDir()
	c = &logs.Client{Socket: filepath.Join(dir, "s")}
	l, err := net.Listen("unix", c.Socket)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- logs.Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	pipe := func(name string) *os.File {
		p := filepath.Join(dir, name)
		if err := syscall.Mkfifo(p, 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := os.OpenFile(p, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		return f
	}
	stdout, stderr = pipe("out"), pipe("err")
	path = filepath.Join(dir, "pod", "c", "0.log")
	for range 2 { // an agent says it again after a restart
		if err := c.Collect(t.Context(), "c", logs.Output{Stdout: stdout.Name(), Stderr: stderr.Name(), Path: path, Limits: limits}); err != nil {
			t.Fatal(err)
		}
	}
	return c, stdout, stderr, path
}

func lines(t *testing.T, path string) (out []logs.Line) {
	t.Helper()
	for _, f := range append(logs.Rotated(path), path) {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range bytes.Split(bytes.TrimSuffix(b, []byte("\n")), []byte("\n")) {
			p, ok := logs.ParseLine(l)
			if !ok {
				t.Fatalf("not a line: %q", l)
			}
			out = append(out, p)
		}
	}
	return out
}

func TestLines(t *testing.T) {
	t.Parallel()
	c, stdout, stderr, path := collecting(t, logs.Limits{})
	long := strings.Repeat("x", 40_000)
	for _, s := range []string{"one\ntw", "o\n", long + "\n", "\nlast"} {
		if _, err := stdout.WriteString(s); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := stderr.WriteString("oops\n"); err != nil {
		t.Fatal(err)
	}
	if err := c.Forget(t.Context(), "c"); err != nil {
		t.Fatal(err)
	}
	var text string
	var parts int
	for _, l := range lines(t, path) {
		if l.Stream == logs.Stderr {
			if string(l.Text) != "oops" {
				t.Errorf("stderr: %q", l.Text)
			}
			continue
		}
		text += string(l.Text)
		if l.Full {
			text += "\n"
		} else {
			parts++
		}
		if time.Since(l.Time) > time.Minute {
			t.Errorf("at %v", l.Time)
		}
	}
	if want := "one\ntwo\n" + long + "\n\nlast\n"; text != want || parts != 2 {
		t.Errorf("%d parts, %d bytes instead of %d", parts, len(text), len(want))
	}
	if err := c.Forget(t.Context(), "c"); err != nil {
		t.Error(err)
	}
}

func TestRotation(t *testing.T) {
	t.Parallel()
	c, stdout, _, path := collecting(t, logs.Limits{Size: 10_000, Files: 3})
	for range 3000 {
		if _, err := stdout.WriteString(strings.Repeat("y", 49) + "\n"); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Forget(t.Context(), "c"); err != nil {
		t.Fatal(err)
	}
	if old := logs.Rotated(path); len(old) != 2 {
		t.Errorf("%d old files", len(old))
	}
	for _, f := range append(logs.Rotated(path), path) {
		if st, err := os.Stat(f); err != nil || st.Size() > 40_000 {
			t.Errorf("%s has %d bytes, %v", f, st.Size(), err)
		}
	}
}

func TestAttach(t *testing.T) {
	t.Parallel()
	c, stdout, _, _ := collecting(t, logs.Limits{})
	out, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	stands, done := make(chan struct{}), make(chan error, 1)
	go func() { done <- c.Attach(t.Context(), "c", in, in, func() { close(stands) }) }()
	<-stands // nothing that is written from now on is missed
	if _, err := stdout.WriteString("hello\n"); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 100)
	n, err := out.Read(b)
	if err != nil || string(b[:n]) != "hello\n" {
		t.Errorf("%q, %v", b[:n], err)
	}
	if err := c.Forget(t.Context(), "c"); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	in.Close()
}

// What the pipes hold when a container is forgotten is in its log, however busy the log process is.
func TestForgetLosesNothing(t *testing.T) {
	t.Parallel()
	for range 20 {
		t.Run("", func(t *testing.T) {
			t.Parallel()
			c, stdout, stderr, path := collecting(t, logs.Limits{})
			text := strings.Repeat(strings.Repeat("x", 99)+"\n", 600)
			for _, pipe := range []*os.File{stdout, stderr} {
				if _, err := pipe.WriteString(text + "end"); err != nil {
					t.Fatal(err)
				}
			}
			if err := c.Forget(t.Context(), "c"); err != nil {
				t.Fatal(err)
			}
			if got := lines(t, path); len(got) != 2*601 {
				t.Errorf("%d lines of %d", len(got), 2*601)
			}
		})
	}
}

func FuzzParseLine(f *testing.F) {
	f.Add([]byte("2026-01-01T00:00:00.000000001Z stdout F text"))
	f.Add([]byte("2026-01-01T00:00:00Z stderr P "))
	f.Fuzz(func(t *testing.T, b []byte) {
		if l, ok := logs.ParseLine(b); ok && (l.Time.IsZero() && len(b) == 0) {
			t.Error("a line of nothing")
		}
	})
}
