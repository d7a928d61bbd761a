package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"taffrail.dev/nodeagent/image"
	"taffrail.dev/ops/taffrail/datadir"
)

func images() []image.Info {
	at := time.Date(2026, 11, 21, 8, 0, 0, 0, time.UTC)
	web, agent, bare := "sha256:"+strings.Repeat("a1", 32), "sha256:"+strings.Repeat("b2", 32), "sha256:"+strings.Repeat("c3", 32)
	return []image.Info{
		{Names: []string{"docker.io/library/web@" + web, "docker.io/library/web:1", "docker.io/library/web:latest"}, Digest: web, Bytes: 123_456_789, Created: at},
		{Names: []string{"127.0.0.1:5000/agent@" + agent, "127.0.0.1:5000/agent:v2"}, Digest: agent, Bytes: 4_512_345, Created: at},
		{Names: []string{"quay.io/bare@" + bare}, Digest: bare, Bytes: 999, Created: at},
	}
}

func TestPrintImages(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, format string
		list         []image.Info
		want         string
	}{
		{"table", "", images(), "" +
			"IMAGE                          DIGEST                SIZE\n" +
			"127.0.0.1:5000/agent:v2        sha256:b2b2b2b2b2b2   4.5 MB\n" +
			"docker.io/library/web:1        sha256:a1a1a1a1a1a1   123 MB\n" +
			"docker.io/library/web:latest   sha256:a1a1a1a1a1a1   123 MB\n" +
			"quay.io/bare                   sha256:c3c3c3c3c3c3   999 B\n"},
		{"none", "", nil, "IMAGE   DIGEST   SIZE\n"},
		{"none as JSON", "json", nil, "[]\n"},
		{"JSON", "json", images()[2:], `[
  {
    "names": [
      "quay.io/bare@sha256:` + strings.Repeat("c3", 32) + `"
    ],
    "digest": "sha256:` + strings.Repeat("c3", 32) + `",
    "bytes": 999,
    "created": "2026-11-21T08:00:00Z"
  }
]
`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			if err := printImages(&out, c.list, c.format); err != nil {
				t.Fatal(err)
			}
			if out.String() != c.want {
				t.Errorf("got\n%s\nwant\n%s", out.String(), c.want)
			}
		})
	}
}

func TestSize(t *testing.T) {
	t.Parallel()
	for bytes, want := range map[int64]string{
		0: "0 B", 999: "999 B", 1000: "1.0 kB", 99_940: "99.9 kB", 99_960: "100 kB", 999_499: "999 kB", 999_500: "1.0 MB", 2_500_000_000: "2.5 GB", 7e15: "7000 TB",
	} {
		if got := size(bytes); got != want {
			t.Errorf("size(%d) = %q, want %q", bytes, got, want)
		}
	}
}

// A data dir without a node, never there or gone, is named with what to do about it.
func TestImagesWithoutNode(t *testing.T) {
	t.Parallel()
	d := datadir.Dir(t.TempDir())
	_, err := dialImages(d)
	if want := "no node is running on " + string(d) + ": start one with: taffrail up --data-dir " + string(d); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if err := os.WriteFile(filepath.Join(string(d), "containerd.sock"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := dialImages(d); err == nil || !strings.HasPrefix(err.Error(), "no node is running on ") {
		t.Errorf("got %v", err)
	}
}
