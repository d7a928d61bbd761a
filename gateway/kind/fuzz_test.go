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
		`{"spec":{"completionMode":"Indexed","completions":3,"successPolicy":{"rules":[{"succeededIndexes":"0-1"}]},"template":{"spec":{"restartPolicy":"Never"}}},"status":{"completedIndexes":"0,2","failedIndexes":"1"}}`,
		`{"spec":{"schedule":"CRON_TZ=UTC 0-5/2,7 * * jan mon","jobTemplate":{"spec":{"podFailurePolicy":{"rules":[{"onExitCodes":{"values":[1]}}]}}}}}`,
		`{"spec":{"minReplicas":1,"metrics":[{"type":"Pods","pods":{"target":{}}},{"type":"Object"}],"behavior":{"scaleUp":{}}},"status":{"currentMetrics":[{"type":"Pods"}]}}`,
		`{"spec":{"rules":[{"http":{"paths":[{"pathType":"Exact"}]}}],"ingress":[{"from":[{"ipBlock":{"cidr":"10.0.0.0/8","except":["10.1.0.0/16"]}}],"ports":[{"port":80,"endPort":90}]}]}}`,
		`{"spec":{"limits":[{"type":"Container","max":{"cpu":"1"},"min":{"cpu":"0"},"maxLimitRequestRatio":{"cpu":"2"}}],"hard":{"pods":"1"},"scopes":["BestEffort"]}}`,
		`{"spec":{"devices":{"requests":[{"name":"a","exactly":{"selectors":[{"cel":{"expression":"device.driver == 'a'"}}]}}]},"capacity":{"storage":"1Gi"},"csi":{"driver":"d"}}}`,
		`{"spec":{"driver":"d","devices":[{"name":"a","allowMultipleAllocations":true,"capacity":{"m":{"value":"4","requestPolicy":{"default":"1","validRange":{"min":"1","step":"1n"}}}}}]}}`,
		`{"spec":{"type":"Limited","limited":{"limitResponse":{"type":"Queue","queuing":{}}},"request":"YQ==","signerName":"a.b/c"}}`,
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
