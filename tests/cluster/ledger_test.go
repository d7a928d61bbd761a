package cluster

import (
	"fmt"
	"sync"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// ledger is what writers know of the config maps that they wrote, one writer a name.
type ledger struct {
	mu    sync.Mutex
	fates map[string]*fate
	acks  int
}

// fate is an object's content as last acknowledged, and as last asked for; "" is that it does not exist.
type fate struct{ acked, asked string }

func newLedger() *ledger { return &ledger{fates: map[string]*fate{}} }

// ask notes what is about to be written.
func (l *ledger) ask(name, content string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fates[name] == nil {
		l.fates[name] = &fate{}
	}
	l.fates[name].asked = content
}

// ack notes that what was asked for was acknowledged.
func (l *ledger) ack(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fates[name].acked = l.fates[name].asked
	l.acks++
}

func (l *ledger) acknowledged() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.acks
}

// check compares with what there is: what was acknowledged, or what was asked for after it. Whichever it
// is, it must stay.
func (l *ledger) check(t *testing.T, client kubernetes.Interface) {
	t.Helper()
	found, err := contents(t, client)
	if err != nil {
		t.Fatal(err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for name, f := range l.fates {
		if is := found[name]; is != f.acked && is != f.asked {
			t.Errorf("%s is %q, acknowledged was %q, and then asked for %q", name, is, f.acked, f.asked)
		}
		f.acked, f.asked = found[name], found[name]
		delete(found, name)
	}
	if len(found) > 0 {
		t.Errorf("no one wrote %v", found)
	}
}

// contents are those of the writers' config maps, by name.
func contents(t *testing.T, client kubernetes.Interface) (map[string]string, error) {
	list, err := client.CoreV1().ConfigMaps("default").List(t.Context(), metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	found := make(map[string]string, len(list.Items))
	for _, cm := range list.Items {
		if content, ok := cm.Data["content"]; ok {
			found[cm.Name] = content
		}
	}
	return found, nil
}

func configMap(name, content string) string {
	return fmt.Sprintf(`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":%q},"data":{"content":%q}}`, name, content)
}
