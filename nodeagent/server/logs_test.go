package server

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func entry(i int, stream, mark, text string) string {
	return fmt.Sprintf("%s %s %s %s\n", noon.Add(time.Duration(i)*time.Second).Format(time.RFC3339Nano), stream, mark, text)
}

// rotated makes a log of ten lines, the first four in a file moved aside.
func rotated(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "0.log")
	var files [2]strings.Builder
	for i := range 10 {
		stream := "stdout"
		if i%2 == 1 {
			stream = "stderr"
		}
		files[min(i/4, 1)].WriteString(entry(i, stream, "F", fmt.Sprint("line ", i)))
	}
	for name, text := range map[string]string{path + ".20260301-120004.000000000": files[0].String(), path: files[1].String()} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

func read(t *testing.T, c Container, query string) string {
	t.Helper()
	values, err := url.ParseQuery(query)
	if err != nil {
		t.Fatal(err)
	}
	o, err := parseLogOptions(values, noon.Add(10*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	w := &logWriter{logOptions: o, w: bufio.NewWriter(&out), flush: func() error { return nil }}
	if err := sendLog(t.Context(), c, w); err != nil && !errors.Is(err, errLimit) {
		t.Fatal(err)
	}
	w.w.Flush()
	return out.String()
}

func TestLogOptions(t *testing.T) {
	t.Parallel()
	lines := func(from, to, step int) string {
		var b strings.Builder
		for i := from; i < to; i += step {
			fmt.Fprintf(&b, "line %d\n", i)
		}
		return b.String()
	}
	for query, want := range map[string]string{
		"":                               lines(0, 10, 1),
		"tailLines=3":                    lines(7, 10, 1),
		"tailLines=8":                    lines(2, 10, 1),
		"tailLines=0":                    "",
		"tailLines=99":                   lines(0, 10, 1),
		"sinceSeconds=2":                 lines(8, 10, 1),
		"sinceTime=2026-03-01T12:00:09Z": lines(9, 10, 1),
		"stream=Stderr":                  lines(1, 10, 2),
		"limitBytes=10":                  "line 0\nlin",
		"tailLines=1&timestamps=true":    "2026-03-01T12:00:09Z line 9\n",
	} {
		if got := read(t, Container{LogPath: rotated(t)}, query); got != want {
			t.Errorf("%s: %q, want %q", query, got, want)
		}
	}
}

func TestPartsOfALineAreJoined(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "0.log")
	if err := os.WriteFile(path, []byte(entry(0, "stdout", "P", "one ")+entry(1, "stdout", "F", "line")+"noise\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := read(t, Container{LogPath: path}, ""); got != "one line\n" {
		t.Errorf("%q", got)
	}
}

func TestBadLogOptionsNameTheField(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]string{"tailLines=-1": "tailLines", "limitBytes=0": "limitBytes", "follow=perhaps": "follow", "sinceTime=noon": "sinceTime", "stream=Both": "stream"} {
		values, _ := url.ParseQuery(query)
		if _, err := parseLogOptions(values, noon); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want an error that names %s", query, err, want)
		}
	}
}

// collected is a client that can be waited on.
type collected struct {
	mu   sync.Mutex
	text strings.Builder
	want string
	seen chan struct{}
}

func (c *collected) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.text.Write(b)
	if c.want != "" && strings.Contains(c.text.String(), c.want) {
		c.want = ""
		close(c.seen)
	}
	return len(b), nil
}

// await waits until a text has come.
func (c *collected) await(t *testing.T, want string) {
	t.Helper()
	c.mu.Lock()
	if strings.Contains(c.text.String(), want) {
		c.mu.Unlock()
		return
	}
	seen := make(chan struct{})
	c.want, c.seen = want, seen
	c.mu.Unlock()
	select {
	case <-seen:
	case <-t.Context().Done():
		t.Fatal("ended before it had ", want)
	}
}

// A follower gets every line once, in order, over a rotation, and ends with the
// container.
func TestFollowOverRotation(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "0.log")
	add := func(i int) {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if _, err := f.WriteString(entry(i, "stdout", "F", fmt.Sprint("line ", i))); err != nil {
			t.Fatal(err)
		}
	}
	add(0)
	ended, client, done := make(chan struct{}), &collected{}, make(chan error, 1)
	w := &logWriter{logOptions: logOptions{follow: true, tail: -1, limit: -1}, w: bufio.NewWriter(client), flush: func() error { return nil }}
	go func() { done <- sendLog(t.Context(), Container{LogPath: path, Ended: ended}, w) }()
	client.await(t, "line 0\n")
	add(1)
	client.await(t, "line 1\n")
	add(2)
	if err := os.Rename(path, path+".20260301-120002.000000000"); err != nil {
		t.Fatal(err)
	}
	add(3)
	client.await(t, "line 3\n")
	add(4)
	close(ended)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if got, want := client.text.String(), "line 0\nline 1\nline 2\nline 3\nline 4\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestFollowEndsWithItsClient(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "0.log")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	w := &logWriter{logOptions: logOptions{follow: true, tail: -1, limit: -1}, w: bufio.NewWriter(&collected{}), flush: func() error { return nil }}
	if err := sendLog(ctx, Container{LogPath: path, Ended: make(chan struct{})}, w); err != nil {
		t.Fatal(err)
	}
}
