package kernel_test

import (
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"taffrail.dev/tests/kernel"
)

// TestControlPlanePowerCut cuts the power under a control plane that is written to, three times, each at a random
// moment: after each, and in the end, every acknowledged object is there.
func TestControlPlanePowerCut(t *testing.T) {
	t.Parallel()
	binary := filepath.Join(programs(t), "taffrail")
	store := filepath.Join(t.TempDir(), "store")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", store, "./store")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	acks := filepath.Join(t.TempDir(), "acks")
	args := []string{"-binary", binary, "-data", "/run/disk/data", "-acks", acks}
	options := kernel.Options{Memory: 1024, Disks: []string{kernel.Disk(t, 512)}, Mounts: [][2]string{{"/dev/ubda", "/run/disk"}}}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for cut := range 3 {
		before := lines(acks)
		k := kernel.Start(t, store, args, options)
		await(t, k, func() bool { return lines(acks) >= before+20 })
		select {
		case <-time.After(time.Duration(random.IntN(1500)) * time.Millisecond):
		case <-t.Context().Done():
		}
		k.Kill()
		t.Logf("cut %d after %d acknowledgements\n%s", cut, lines(acks), k.Log())
	}
	kernel.Run(t, store, append(args, "-check"), options)
	if acked := lines(acks); acked < 60 {
		t.Fatalf("only %d writes were acknowledged", acked)
	}
}
