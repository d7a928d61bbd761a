package cluster

import (
	"bufio"
	"context"
	"net/http"
	"sync"
	"testing"
	"time"

	"taffrail.dev/tests/instance"
)

// Told to end, with a watch and writes under way, a control plane ends within five seconds and
// without an error, and has what it acknowledged.
func TestStopsOnSIGTERM(t *testing.T) {
	t.Parallel()
	setup, known := instance.Setup{Binary: binary(t), Data: dataDir(t)}, newLedger()
	i := start(t, setup)
	client := httpClient(i)
	defer client.CloseIdleConnections()
	watching := make(chan struct{})
	var group sync.WaitGroup
	group.Go(func() { watchMaps(t, client, i.URL, sync.OnceFunc(func() { close(watching) })) })
	ctx, stop := context.WithTimeout(t.Context(), 30*time.Second)
	defer stop()
	for _, writer := range []string{"a", "b", "c"} {
		group.Go(func() {
			if err := write(ctx, client, i.URL, known, writer, func() {}); err != nil {
				t.Log(err) // a server that ends may refuse
			}
		})
	}
	select {
	case <-watching:
	case <-ctx.Done():
		t.Fatal("the watch saw nothing")
	}
	began := time.Now()
	if err := i.Stop(); err != nil {
		t.Errorf("%v\n%s", err, i.Output())
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %v to end", took)
	} else {
		t.Logf("ended in %v after %d acknowledged writes", took, known.acknowledged())
	}
	group.Wait()
	known.check(t, clientOf(t, start(t, setup)))
}

// watchMaps tells when it has seen fifty events, and returns when the watch ends.
func watchMaps(t *testing.T, client *http.Client, url string, enough func()) {
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/api/v1/configmaps?watch=true", nil)
	if err != nil {
		t.Error(err)
		return
	}
	response, err := client.Do(request)
	if err != nil {
		t.Error(err)
		return
	}
	defer response.Body.Close()
	seen := 0
	for lines := bufio.NewScanner(response.Body); lines.Scan(); {
		if seen++; seen == 50 {
			enough()
		}
	}
}
