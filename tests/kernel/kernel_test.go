package kernel_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"taffrail.dev/tests/kernel"
)

func TestExitStatus(t *testing.T) {
	t.Parallel()
	k := kernel.Start(t, "/bin/sh", []string{"-c", "echo it\\'s $(uname -r); exit 7"}, kernel.Options{})
	if status, err := k.Wait(); err != nil || status != 7 {
		t.Fatalf("status %d, %v\n%s", status, err, k.Log())
	}
	if !strings.Contains(k.Log(), "it's ") {
		t.Fatalf("the program's output is not in the log:\n%s", k.Log())
	}
}

// TestPowerCut cuts the power under a writer, three times: what was acknowledged, in a file
// outside, is on the disk, and the writer goes on from there.
func TestPowerCut(t *testing.T) {
	t.Parallel()
	writer := filepath.Join(t.TempDir(), "writer")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", writer, "./writer")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	disk := kernel.Disk(t, 64)
	dir := t.TempDir()
	acks := filepath.Join(dir, "acks")
	options := kernel.Options{Disks: []string{disk}, Mounts: [][2]string{{"/dev/ubda", "/run/disk"}}}
	for cut := range 3 {
		before := lines(acks)
		k := kernel.Start(t, writer, []string{"-data", "/run/disk/data", "-acks", acks}, options)
		await(t, k, func() bool { return lines(acks) >= before+50 })
		k.Kill()
		t.Logf("cut %d after %d acknowledgements", cut, lines(acks))
	}
	copied := filepath.Join(dir, "data")
	kernel.Run(t, "/bin/cp", []string{"/run/disk/data", copied}, options)
	kept, acked := lines(copied), lines(acks)
	if acked < 150 || kept < acked {
		t.Fatalf("%d lines were acknowledged, %d are on the disk", acked, kept)
	}
}

// await waits for a condition, as long as the kernel runs.
func await(t *testing.T, k *kernel.Kernel, condition func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-tick.C:
			if k.Ended() {
				t.Fatalf("the kernel has ended\n%s", k.Log())
			}
		case <-ctx.Done():
			t.Fatalf("%v\n%s", ctx.Err(), k.Log())
		}
	}
}

// lines counts a file's whole lines; none if there is no file.
func lines(path string) int {
	content, err := os.ReadFile(path)
	if err != nil {
		return 0
	}
	return bytes.Count(content, []byte("\n"))
}
