package nodeagent

import (
	"sync"

	corev1 "k8s.io/api/core/v1"

	"taffrail.dev/events/subject"
	"taffrail.dev/nodeagent/assignment"
)

// objects are what the node was told, but for pods. What it returns must not be changed.
type objects struct {
	mu       sync.RWMutex // guards all
	configs  map[key]*corev1.ConfigMap
	secrets  map[key]*corev1.Secret
	services map[string]map[string]*corev1.Service
}

type key struct{ namespace, name string }

func newObjects() *objects {
	return &objects{configs: map[key]*corev1.ConfigMap{}, secrets: map[key]*corev1.Secret{}, services: map[string]map[string]*corev1.Service{}}
}

// ConfigMap implements volume.Objects.
func (o *objects) ConfigMap(namespace, name string) *corev1.ConfigMap {
	o.mu.RLock()
	defer o.mu.RUnlock()
	return o.configs[key{namespace, name}]
}

// Secret implements volume.Objects.
func (o *objects) Secret(namespace, name string) *corev1.Secret {
	o.mu.RLock()
	defer o.mu.RUnlock()
	return o.secrets[key{namespace, name}]
}

// Services implements environment.Objects.
func (o *objects) Services(namespace string) []*corev1.Service {
	o.mu.RLock()
	defer o.mu.RUnlock()
	var out []*corev1.Service
	for _, s := range o.services[namespace] {
		out = append(out, s)
	}
	return out
}

// apply takes a change; true if pods that use the object have to look at it.
func (o *objects) apply(c assignment.Change) (bool, error) {
	k := key{c.Object.Namespace, c.Object.Name}
	o.mu.Lock()
	defer o.mu.Unlock()
	switch c.Object.Resource {
	case subject.ConfigMaps:
		return true, put(o.configs, k, c)
	case subject.Secrets:
		return true, put(o.secrets, k, c)
	case subject.Services:
		in := o.services[k.namespace]
		if in == nil {
			in = map[string]*corev1.Service{}
			o.services[k.namespace] = in
		}
		return false, put(in, k.name, c)
	}
	return false, nil
}

type decodable[T any] interface {
	*T
	Unmarshal([]byte) error
}

func put[K comparable, T any, P decodable[T]](into map[K]P, k K, c assignment.Change) error {
	if c.Removed {
		delete(into, k)
		return nil
	}
	p := P(new(T))
	if err := p.Unmarshal(c.State); err != nil {
		return err
	}
	into[k] = p
	return nil
}
