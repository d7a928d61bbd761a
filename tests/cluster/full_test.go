package cluster

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"taffrail.dev/tests/instance"
)

// smallDisk is a file system of its own in memory, seen through a process that keeps it.
type smallDisk struct {
	t    *testing.T
	dir  string
	keep *exec.Cmd
}

// newSmallDisk mounts one where only the processes that enter see it; it ends with the test.
func newSmallDisk(t *testing.T, size string) *smallDisk {
	t.Helper()
	d := &smallDisk{t: t, dir: t.TempDir()}
	d.keep = exec.Command("unshare", "--mount", "--propagation", "private", "sh", "-c",
		`mount -t tmpfs -o size="$1" small "$2" && echo mounted && exec cat`, "sh", size, d.dir)
	d.keep.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	in, err := d.keep.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := d.keep.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := d.keep.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		if err := d.keep.Wait(); err != nil {
			t.Error(err)
		}
	})
	if _, err := io.ReadFull(out, make([]byte, len("mounted\n"))); err != nil {
		t.Fatalf("the small disk was not mounted: %v", err)
	}
	return d
}

// enter is the command line that runs a program where the disk is seen.
func (d *smallDisk) enter() []string {
	return []string{"nsenter", "--mount", "--target", fmt.Sprint(d.keep.Process.Pid), "--"}
}

// run runs a program where the disk is seen, and fails the test if it fails.
func (d *smallDisk) run(program ...string) {
	d.t.Helper()
	args := append(d.enter(), program...)
	if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
		d.t.Fatalf("%v: %v: %s", program, err, out)
	}
}

func (d *smallDisk) setup() instance.Setup {
	return instance.Setup{Binary: binary(d.t), Data: d.dir + "/data", Through: d.enter(), Root: fmt.Sprintf("/proc/%d/root", d.keep.Process.Pid)}
}

// A full disk refuses writes at once, with the reason, loses nothing that was acknowledged and still
// answers reads; once there is room, writes go on.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	disk, known := newSmallDisk(t, "72m"), newLedger()
	i := start(t, disk.setup())
	client := httpClient(i)
	defer client.CloseIdleConnections()
	refused := fill(t, client, i.URL, known)
	refused.want(t, http.StatusServiceUnavailable, "the journal's disk is full", "MiB are free")
	if refused.took > time.Second {
		t.Errorf("the refusal took %v", refused.took)
	}
	if known.acknowledged() < 10 {
		t.Errorf("only %d writes fitted", known.acknowledged())
	}
	known.check(t, clientOf(t, i))
	disk.run("mount", "-o", "remount,size=256m", disk.dir)
	known.ask("after", "room")
	put(t, client, i.URL, "after", "room").want(t, http.StatusCreated, `"after"`)
	known.ack("after")
	i.Kill()
	known.check(t, clientOf(t, start(t, disk.setup())))
	t.Logf("%d writes acknowledged, none lost; refused in %v: %s", known.acknowledged(), refused.took, refused.text)
}

// When another program takes the last room, writes are refused until it gives some back.
func TestDiskFilledByOthers(t *testing.T) {
	t.Parallel()
	disk, known := newSmallDisk(t, "96m"), newLedger()
	i := start(t, disk.setup())
	client := httpClient(i)
	defer client.CloseIdleConnections()
	for n := range 20 {
		name := fmt.Sprintf("before-%d", n)
		known.ask(name, name)
		put(t, client, i.URL, name, name).want(t, http.StatusCreated, name)
		known.ack(name)
	}
	disk.run("sh", "-c", `! dd if=/dev/zero of="$1"/other bs=64k 2>/dev/null`, "sh", disk.dir)
	known.ask("during", "x")
	put(t, client, i.URL, "during", "x").want(t, http.StatusServiceUnavailable, "the journal's disk is full")
	disk.run("rm", disk.dir+"/other")
	known.ask("during", "y")
	put(t, client, i.URL, "during", "y").want(t, http.StatusCreated, `"during"`)
	known.ack("during")
	i.Kill()
	known.check(t, clientOf(t, start(t, disk.setup())))
}

// A write that the disk fails stops the journal until the restart, says so at once from then on, and
// takes nothing with it.
func TestFailingDisk(t *testing.T) {
	t.Parallel()
	setup, known := instance.Setup{Binary: binary(t), Data: dataDir(t)}, newLedger()
	limited := setup
	limited.Through = []string{"prlimit", "--fsize=3000000", "--"} // the first file to grow longer cannot
	i := start(t, limited)
	client := httpClient(i)
	defer client.CloseIdleConnections()
	fill(t, client, i.URL, known).want(t, http.StatusServiceUnavailable, "the journal's disk failed", "until it is started again")
	again := put(t, client, i.URL, "again", "x")
	again.want(t, http.StatusServiceUnavailable, "the journal's disk failed")
	if again.took > time.Second {
		t.Errorf("the second refusal took %v", again.took)
	}
	i.Kill()
	known.check(t, clientOf(t, start(t, setup)))
}

// answer is one to a write.
type answer struct {
	code int
	text string
	took time.Duration
}

func (a answer) want(t *testing.T, code int, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if a.code != code || !strings.Contains(a.text, text) {
			t.Fatalf("answered %d %.500s, want %d and %q", a.code, a.text, code, text)
		}
	}
}

// put creates a config map.
func put(t *testing.T, client *http.Client, url, name, content string) answer {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	began := time.Now()
	code, text, err := send(ctx, client, http.MethodPost, url+"/api/v1/namespaces/default/configmaps", "application/json", configMap(name, content))
	if err != nil {
		t.Fatal(err)
	}
	return answer{code, text, time.Since(began)}
}

// fill writes until a write is refused, and returns the refusal.
func fill(t *testing.T, client *http.Client, url string, known *ledger) answer {
	t.Helper()
	for n := 0; ; n++ {
		name, content := fmt.Sprintf("fill-%d", n), strings.Repeat("x", 500_000)
		known.ask(name, content)
		a := put(t, client, url, name, content)
		if a.code != http.StatusCreated {
			return a
		}
		known.ack(name)
	}
}
