package kind_test

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"

	"taffrail.dev/gateway/kind"
)

// FuzzKinds feeds any object of any kind through what a write does: nothing panics, and
// filling in defaults a second time changes nothing.
func FuzzKinds(f *testing.F) {
	for _, seed := range []string{
		`{"metadata":{"name":"a"}}`,
		`{"spec":{"containers":[{"name":"c","image":"i:1","ports":[{"containerPort":80}],"resources":{"limits":{"cpu":"1"}}}],"hostNetwork":true}}`,
		`{"spec":{"volumes":[{"name":"v"},{"name":"p","projected":{"sources":[{"serviceAccountToken":{"path":"t"}}]}}],"initContainers":[{"restartPolicy":"Always"}]}}`,
		`{"spec":{"type":"NodePort","ports":[{"port":80}],"clusterIP":"None"}}`,
		`{"spec":{"selector":{"matchLabels":{"a":"b"}},"template":{"metadata":{"labels":{"a":"b"}}},"strategy":{"type":"RollingUpdate"}}}`,
		`{"stringData":{"a":"b"},"type":"kubernetes.io/dockerconfigjson"}`,
		`{"status":{"containerStatuses":[{"name":"c","state":{"terminated":{}}}],"initContainerStatuses":[{"name":"c"}]}}`,
		`{"addressType":"IPv4","endpoints":[{"addresses":["1.2.3.4"]}],"ports":[{}]}`,
	} {
		f.Add([]byte(seed))
	}
	all := kind.All(everything())
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, k := range all {
			obj, old := k.New(), k.New()
			if json.Unmarshal(data, obj) != nil || json.Unmarshal(data, old) != nil {
				continue
			}
			checkIdempotent(t, k, data)
			run(k, obj, nil)
			for _, c := range k.Table() {
				c.Value(obj, time.Unix(1e9, 0))
			}
			run(k, obj, old)
			if k.Grace != nil {
				k.Grace(obj, nil)
			}
		}
	})
}

func checkIdempotent(t *testing.T, k *kind.Kind, data []byte) {
	if k.Default == nil {
		return
	}
	once, twice := k.New(), k.New()
	if json.Unmarshal(data, once) != nil || json.Unmarshal(data, twice) != nil {
		return
	}
	k.Default(once)
	k.Default(twice)
	k.Default(twice)
	if equality.Semantic.DeepEqual(once, twice) {
		return
	}
	a, _ := json.Marshal(once)
	b, _ := json.Marshal(twice)
	if !bytes.Equal(a, b) {
		t.Errorf("%s: defaults are not stable:\n%s\n%s", k.Resource, a, b)
	}
}
