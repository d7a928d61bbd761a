package crd_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// many definitions are in a cluster with every operator that there is.
const many = 2000

func named(i int) string {
	return strings.NewReplacer("example.com", fmt.Sprintf("g%d.example.com", i/10), "backups", fmt.Sprintf("backups%ds", i),
		"kind: Backup", fmt.Sprintf("kind: Backup%d", i), "shortNames: [bk], ", "").Replace(backups)
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// BenchmarkDefinitions adds many definitions, and asks for what is published of them. The memory is of the whole process: the
// definitions in the view, the kinds, and with all documents asked for what is kept of these.
func BenchmarkDefinitions(b *testing.B) {
	for b.Loop() {
		d := open(b, b.TempDir())
		d.get(b, "/openapi/v2", "application/json")
		before, start := heap(), time.Now()
		group := errgroup.Group{}
		group.SetLimit(8)
		for i := range many {
			crd := definition(b, named(i))
			group.Go(func() error {
				_, err := d.crds.ApiextensionsV1().CustomResourceDefinitions().Create(b.Context(), crd, metav1.CreateOptions{})
				return err
			})
		}
		if err := group.Wait(); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(time.Since(start).Microseconds())/many, "us/definition")
		d.settle(b)
		b.ReportMetric(float64(heap()-before)/many, "B/definition")
		for _, a := range []struct{ name, path, accept string }{
			{"discovery", "/apis", "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"},
			{"index", "/openapi/v3", "application/json"},
			{"v3", "/openapi/v3/apis/g7.example.com/v1", "application/json"},
			{"v2", "/openapi/v2", "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"},
		} {
			at := time.Now()
			size := len(d.get(b, a.path, a.accept))
			b.ReportMetric(float64(time.Since(at).Microseconds())/1000, a.name+"-ms")
			b.ReportMetric(float64(size)/1e6, a.name+"-MB")
		}
		b.ReportMetric(float64(heap()-before)/many, "B/published")
		started := time.Now()
		d.replica(b)
		b.ReportMetric(float64(time.Since(started).Milliseconds()), "start-ms")
	}
}
