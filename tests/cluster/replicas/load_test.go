package replicas

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"syscall"

	corev1 "k8s.io/api/core/v1"
)

const (
	registers = 4
	mapsPath  = "/api/v1/namespaces/default/configmaps"
	label     = "register"
)

// worker asks random gateways, one request after the other.
type worker struct {
	id       int
	random   *rand.Rand
	http     *http.Client
	gateways []*gateway
	history  *history
	last     map[string]answered // what it read
	writes   int
}

func (w *worker) run(ctx context.Context) error {
	for ctx.Err() == nil {
		name := fmt.Sprintf("register-%d", w.random.IntN(registers))
		var err error
		switch n := w.random.IntN(10); {
		case n < 4:
			err = w.read(ctx, name)
		case n < 7:
			err = w.write(ctx, asked{verb: write, name: name, content: w.content()})
		case n < 9:
			if seen, ok := w.last[name]; ok {
				err = w.write(ctx, asked{verb: swap, name: name, content: w.content(), expect: seen.content, wantsVersion: seen.version})
			}
		default:
			err = w.list(ctx)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// content is unlike any other's.
func (w *worker) content() string {
	w.writes++
	return fmt.Sprintf("worker-%d-%d", w.id, w.writes)
}

// errLost is an answer that did not come, or says that nobody knows.
var errLost = errors.New("no answer")

// errUnsent is a request that reached no gateway.
var errUnsent = errors.New("not sent")

// ask sends a request to a random gateway.
func (w *worker) ask(ctx context.Context, method, path, contentType string, body any, into any) (int, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return 0, err
	}
	g := w.gateways[w.random.IntN(len(w.gateways))]
	request, err := http.NewRequestWithContext(ctx, method, g.url+path, bytes.NewReader(text))
	if err != nil {
		return 0, err
	}
	request.Header.Set("Content-Type", contentType)
	answer, err := w.http.Do(request)
	if errors.Is(err, syscall.ECONNREFUSED) {
		return 0, errUnsent
	}
	if err != nil {
		return 0, errLost
	}
	defer answer.Body.Close()
	text, err = io.ReadAll(answer.Body)
	switch {
	case err != nil || answer.StatusCode >= 500 || answer.StatusCode == http.StatusTooManyRequests:
		return answer.StatusCode, errLost
	case answer.StatusCode >= 300:
		if answer.StatusCode == http.StatusConflict {
			return answer.StatusCode, nil
		}
		return answer.StatusCode, fmt.Errorf("%s %s: %s %s", method, path, answer.Status, text)
	}
	return answer.StatusCode, json.Unmarshal(text, into)
}

// doubtful says whether an error is one that faults explain.
func doubtful(err error) bool { return errors.Is(err, errLost) || errors.Is(err, errUnsent) }

func (w *worker) read(ctx context.Context, name string) error {
	call := w.history.now()
	var cm corev1.ConfigMap
	if _, err := w.ask(ctx, http.MethodGet, mapsPath+"/"+name, "", nil, &cm); err != nil {
		if doubtful(err) {
			return nil
		}
		return err
	}
	out := seen(&cm)
	w.history.add(w.id, asked{verb: read, name: name}, out, call, w.history.now())
	w.last[name] = out
	return nil
}

func seen(cm *corev1.ConfigMap) answered {
	version, _ := strconv.ParseUint(cm.ResourceVersion, 10, 64)
	return answered{content: cm.Data["content"], version: version}
}

func (w *worker) write(ctx context.Context, in asked) error {
	metadata := map[string]any{}
	if in.wantsVersion != 0 {
		metadata["resourceVersion"] = strconv.FormatUint(in.wantsVersion, 10)
	}
	body := map[string]any{"metadata": metadata, "data": map[string]string{"content": in.content}}
	call := w.history.now()
	var cm corev1.ConfigMap
	code, err := w.ask(ctx, http.MethodPatch, mapsPath+"/"+in.name, "application/merge-patch+json", body, &cm)
	back := w.history.now()
	switch {
	case errors.Is(err, errUnsent):
	case errors.Is(err, errLost):
		w.history.add(w.id, in, answered{unknown: true}, call, back)
	case err != nil:
		return err
	case code == http.StatusConflict && in.verb == swap:
		w.history.add(w.id, in, answered{conflict: true}, call, back)
		delete(w.last, in.name)
	case code == http.StatusConflict: // it lost every race, so nothing was written
	default:
		out := seen(&cm)
		w.history.add(w.id, in, out, call, back)
		w.last[in.name] = out
	}
	return nil
}

func (w *worker) list(ctx context.Context) error {
	l := listing{known: w.history.newest(), items: map[string]answered{}}
	var list corev1.ConfigMapList
	if _, err := w.ask(ctx, http.MethodGet, mapsPath+"?labelSelector="+label, "", nil, &list); err != nil {
		if doubtful(err) {
			return nil
		}
		return err
	}
	l.version, _ = strconv.ParseUint(list.ResourceVersion, 10, 64)
	for i := range list.Items {
		l.items[list.Items[i].Name] = seen(&list.Items[i])
	}
	w.history.list(l)
	return nil
}
