package bus_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"taffrail.dev/events/bus"
	"taffrail.dev/events/journal"
	"taffrail.dev/events/subject"
)

// victimDir is set in the process that is to be killed: the data dir on which it
// appends until then.
const victimDir = "TAFFRAIL_TEST_VICTIM_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(victimDir); dir != "" {
		if err := victim(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// victim appends, singles and pairs, and tells of each what was acknowledged: "sequence
// subject". A pair's subjects differ only in their ends.
func victim(dir string) error {
	b, err := bus.Open(context.Background(), bus.Config{DataDir: dir})
	if err != nil {
		return err
	}
	j, err := b.Journal(bus.Gateway(), subject.State, journal.Options{})
	if err != nil {
		return err
	}
	a := journal.NewAppender(j, false)
	run := time.Now().UnixNano()
	var mu sync.Mutex
	var wg sync.WaitGroup
	for w := range 24 {
		wg.Go(func() {
			for n := 0; ; n++ {
				records := []journal.Record{{Subject: victimPath(run, w, n, "a"), Data: make([]byte, 300)}}
				if n%3 == 0 {
					records = append(records, journal.Record{Subject: victimPath(run, w, n, "b"), Data: make([]byte, 300)})
				}
				got, err := a.Append(context.Background(), records...)
				if err != nil {
					fmt.Fprintln(os.Stderr, err)
					return
				}
				var line strings.Builder
				for i, s := range got {
					fmt.Fprintln(&line, s, records[i].Subject)
				}
				mu.Lock()
				os.Stdout.WriteString(line.String())
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return errors.New("could not append")
}

func victimPath(run int64, w, n int, end string) string {
	kind := "single"
	if n%3 == 0 {
		kind = "pair"
	}
	return subject.Object{Resource: subject.Pods, Namespace: kind, Name: fmt.Sprintf("%d-%d-%d-%s", run, w, n, end)}.Subject()
}

// TestKill kills a process that appends, at random moments, over and over on one data dir:
// everything acknowledged is there, and no batch is torn.
func TestKill(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	acknowledged := map[uint64]string{}
	const rounds, most = 12, 500
	for range rounds {
		kill(t, dir, random.IntN(most), acknowledged)
	}
	j := state(t, open(t, bus.Config{DataDir: dir}))
	last, err := j.Last(withTimeout(t))
	if err != nil {
		t.Fatal(err)
	}
	found, pairs := map[uint64]string{}, map[string]int{}
	_ = j.Read(withTimeout(t), 1, nil, func(batch []journal.Message, through uint64) error {
		for _, m := range batch {
			found[m.Sequence] = m.Subject
			if strings.Contains(m.Subject, ".pair.") {
				pairs[m.Subject[:len(m.Subject)-1]]++
			}
		}
		if through >= last {
			return errDone
		}
		return nil
	})
	for s, want := range acknowledged {
		if found[s] != want {
			t.Errorf("%s was acknowledged at %d, there is %q", want, s, found[s])
		}
	}
	for p, n := range pairs {
		if n != 2 {
			t.Errorf("of the pair %s there is %d", p, n)
		}
	}
	if len(pairs) < rounds {
		t.Errorf("only %d pairs: the test tests too little", len(pairs))
	}
	t.Logf("%d acknowledged, %d found", len(acknowledged), len(found))
}

// kill lets a process append until so many acknowledgements, kills it, and notes what it
// acknowledged up to its end.
func kill(t *testing.T, dir string, after int, acknowledged map[uint64]string) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), victimDir+"="+dir)
	var failure strings.Builder
	cmd.Stderr = &failure
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for n := 0; lines.Scan(); n++ {
		if n == after {
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
		var s uint64
		var on string
		if _, err := fmt.Sscan(lines.Text(), &s, &on); err == nil && strings.HasPrefix(on, "state.") && len(on) > 20 {
			acknowledged[s] = on
		}
	}
	if err := cmd.Wait(); err == nil || failure.Len() > 0 {
		t.Fatalf("the process failed: %v\n%s", err, failure.String())
	}
}
