package cluster

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"taffrail.dev/tests/instance"
)

const (
	// kills is how often a control plane is killed under load, over all lines of the test.
	kills = 200
	// bootKills is how often one is killed while it starts.
	bootKills = 20
	lines     = 2
	writers   = 8
)

// Killed at a random moment under load, a control plane has every acknowledged
// write when it is back, and none that no one asked for.
func TestKilledControlPlaneKeepsEveryAcknowledgedWrite(t *testing.T) {
	t.Parallel()
	for line := range lines {
		t.Run(fmt.Sprint(line), func(t *testing.T) {
			t.Parallel()
			random := seeded(t)
			killing(t, random, kills/lines)
		})
	}
}

// seeded tells the seed, so that a failure's moments can be had again.
func seeded(t *testing.T) *rand.Rand {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

func killing(t *testing.T, random *rand.Rand, rounds int) {
	setup, known := instance.Setup{Binary: binary(t), Data: dataDir(t)}, newLedger()
	slowest := time.Duration(0)
	for round := range rounds {
		i := start(t, setup)
		slowest = max(slowest, i.Ready)
		known.check(t, clientOf(t, i))
		load(t, i, known, fmt.Sprintf("r%d", round), time.Duration(random.IntN(120))*time.Millisecond)
		if t.Failed() {
			t.Fatalf("after kill %d\n%s", round, i.Output())
		}
	}
	t.Logf("%d kills, %d writes acknowledged, none lost; the slowest start took %v", rounds, known.acknowledged(), slowest)
}

// load writes, and kills the control plane so long after the first acknowledgement.
func load(t *testing.T, i *instance.Instance, known *ledger, prefix string, alive time.Duration) {
	t.Helper()
	client := httpClient(i)
	defer client.CloseIdleConnections()
	ctx, stop := context.WithTimeout(t.Context(), 30*time.Second)
	defer stop()
	first := make(chan struct{})
	told := sync.OnceFunc(func() { close(first) })
	var group sync.WaitGroup
	for w := range writers {
		group.Go(func() {
			if err := write(ctx, client, i.URL, known, fmt.Sprintf("%s-w%d", prefix, w), told); err != nil {
				t.Error(err)
			}
		})
	}
	select {
	case <-first:
	case <-ctx.Done():
		t.Error("nothing was acknowledged in 30 seconds")
	}
	select {
	case <-time.After(alive):
	case <-ctx.Done():
	}
	i.Kill()
	group.Wait()
}

// write creates, replaces and deletes config maps until the server is gone; an error is a refusal.
func write(ctx context.Context, client *http.Client, url string, known *ledger, prefix string, acknowledged func()) error {
	url += "/api/v1/namespaces/default/configmaps"
	for n := 0; ; n++ {
		name := fmt.Sprintf("%s-%d", prefix, n)
		steps := []step{{http.MethodPost, url, strings.Repeat(name, 20), http.StatusCreated}, {http.MethodPut, url + "/" + name, strings.Repeat(name, 3), http.StatusOK}}
		if n%2 == 1 {
			steps = append(steps, step{http.MethodDelete, url + "/" + name, "", http.StatusOK})
		}
		for _, s := range steps {
			known.ask(name, s.content)
			body := ""
			if s.content != "" {
				body = configMap(name, s.content)
			}
			code, text, err := send(ctx, client, s.method, s.url, "application/json", body)
			if err != nil { // the server is gone
				return nil
			}
			if code != s.code {
				return fmt.Errorf("%s %s: %d %s", s.method, name, code, text)
			}
			known.ack(name)
			acknowledged()
		}
	}
}

// step is one write of an object and the code that acknowledges it.
type step struct {
	method, url, content string
	code                 int
}

// Killed while it starts, the first time or a later one, a control plane starts the next time.
func TestKilledWhileStarting(t *testing.T) {
	t.Parallel()
	random := seeded(t)
	setup := instance.Setup{Binary: binary(t)}
	for kill := range bootKills {
		if kill%10 == 0 { // the first start makes more than the others
			setup.Data = dataDir(t)
		}
		i, err := setup.Launch(context.WithoutCancel(t.Context()))
		if err != nil {
			t.Fatal(err)
		}
		select {
		case <-time.After(time.Duration(random.IntN(600)) * time.Millisecond):
		case <-t.Context().Done():
		}
		i.Kill()
		if kill%10 == 9 {
			i := start(t, setup)
			newLedger().check(t, clientOf(t, i))
			i.Kill()
		}
	}
}
