package replicas

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"

	corev1 "k8s.io/api/core/v1"
)

// told is an event of a watch.
type told struct {
	kind, name string
	answered
}

// watcher follows the registers from a version on. When its gateway goes it goes on at the next, where it was.
type watcher struct {
	http     *http.Client
	gateways []*gateway
	version  uint64
	events   []told
}

// run follows until it has seen a version.
func (w *watcher) run(ctx context.Context, through func() uint64) error {
	for at := 0; ; at++ {
		if until := through(); until != 0 && w.version >= until {
			return nil
		}
		if ctx.Err() != nil {
			return fmt.Errorf("the watch is at %d, want %d: %w", w.version, through(), ctx.Err())
		}
		if err := w.follow(ctx, w.gateways[at%len(w.gateways)], through); err != nil {
			return err
		}
	}
}

// follow watches at one gateway until it breaks; an error is an event that must not be.
func (w *watcher) follow(ctx context.Context, g *gateway, through func() uint64) error {
	path := fmt.Sprintf("%s%s?watch=true&allowWatchBookmarks=true&labelSelector=%s&resourceVersion=%d", g.url, mapsPath, label, w.version)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, path, nil)
	if err != nil {
		return err
	}
	answer, err := w.http.Do(request)
	if err != nil {
		return nil // it is away
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		if answer.StatusCode >= 500 || answer.StatusCode == http.StatusTooManyRequests {
			return nil
		}
		return fmt.Errorf("watch from %d: %s", w.version, answer.Status)
	}
	for lines := json.NewDecoder(answer.Body); ; {
		var line struct {
			Type   string
			Object corev1.ConfigMap
		}
		if lines.Decode(&line) != nil || line.Type == "ERROR" {
			return nil // broken, or told to come again
		}
		if err := w.take(line.Type, &line.Object); err != nil {
			return err
		}
		if until := through(); until != 0 && w.version >= until {
			return nil
		}
	}
}

func (w *watcher) take(kind string, cm *corev1.ConfigMap) error {
	version, err := strconv.ParseUint(cm.ResourceVersion, 10, 64)
	if err != nil {
		return err
	}
	if kind == "BOOKMARK" {
		if version < w.version {
			return fmt.Errorf("a bookmark at %d after %d", version, w.version)
		}
		w.version = version
		return nil
	}
	if version <= w.version {
		return fmt.Errorf("%s %s at %d comes after %d", kind, cm.Name, version, w.version)
	}
	w.version = version
	w.events = append(w.events, told{kind, cm.Name, seen(cm)})
	return nil
}
