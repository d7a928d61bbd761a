package image_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"go.uber.org/zap"

	"taffrail.dev/events/errs"
	"taffrail.dev/nodeagent/image"
	"taffrail.dev/nodeagent/nodetest"
)

var host *nodetest.Host

func TestMain(m *testing.M) {
	ctx := context.Background()
	var err error
	host, err = nodetest.Start(ctx)
	code := 1
	if err == nil {
		code = m.Run()
	} else {
		fmt.Fprintln(os.Stderr, err)
	}
	if host != nil {
		if err := host.Close(ctx); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// served is a registry on loopback that counts what is asked of it and wants a password if one is set.
type served struct {
	*httptest.Server
	manifests atomic.Int32
	password  string
}

func serve(t *testing.T, password string) *served {
	s := &served{password: password}
	inner := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, p, _ := r.BasicAuth(); s.password != "" && p != s.password && r.Header.Get("X-Test") == "" {
			w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		if strings.Contains(r.URL.Path, "/manifests/") && r.Method == http.MethodGet {
			s.manifests.Add(1)
		}
		inner.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

type marked struct{}

func (marked) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("X-Test", "1")
	return http.DefaultTransport.RoundTrip(r)
}

// push puts the busybox image into the registry and returns its name and digest.
func (s *served) push(t *testing.T, tag string) (ref, digest string) {
	t.Helper()
	img, err := nodetest.Busybox("sleep", tag)
	if err != nil {
		t.Fatal(err)
	}
	ref = strings.TrimPrefix(s.URL, "http://") + "/" + tag
	n, err := name.ParseReference(ref)
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(n, img, remote.WithTransport(marked{})); err != nil {
		t.Fatal(err)
	}
	d, err := img.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return ref, d.String()
}

func TestPull(t *testing.T) {
	t.Parallel()
	reg := serve(t, "")
	ref, digest := reg.push(t, "pull:1")
	store := image.NewStore(host.Client)
	p := image.NewPuller(store, image.Registries{}, 2)
	if _, err := store.Get(t.Context(), ref); !errs.Is(err, errs.NotFound) {
		t.Fatalf("before the pull: %v", err)
	}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			img, err := p.Pull(t.Context(), ref, nil)
			if err != nil || img.Config.Entrypoint[1] != "pull:1" || !strings.HasSuffix(img.ID, "@"+digest) || img.Snapshot == "" {
				t.Errorf("%+v, %v", img, err)
			}
		})
	}
	all.Wait()
	if n := reg.manifests.Load(); n != 1 {
		t.Errorf("8 pulls of one image asked %d times", n)
	}
	by := strings.TrimSuffix(ref, ":1") + "@" + digest
	if _, err := p.Pull(t.Context(), by, nil); err != nil {
		t.Error(err)
	}
	if _, err := p.Pull(t.Context(), strings.TrimSuffix(ref, ":1")+"@sha256:"+strings.Repeat("0", 64), nil); err == nil {
		t.Error("an unknown digest was pulled")
	}
}

func TestCredentials(t *testing.T) {
	t.Parallel()
	reg := serve(t, "secret")
	ref, _ := reg.push(t, "auth:1")
	at := strings.TrimPrefix(reg.URL, "http://")
	store := image.NewStore(host.Client)
	p := image.NewPuller(store, image.Registries{}, 2)
	if _, err := p.Pull(t.Context(), ref, nil); err == nil {
		t.Error("pulled without a password")
	}
	keys := image.Keychain{}
	if err := keys.AddDockerConfig([]byte(`{"auths":{"http://`+at+`/v1/":{"auth":"dTpzZWNyZXQ="}}}`), false); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Pull(t.Context(), ref, keys); err != nil {
		t.Error(err)
	}
	ours := image.Registries{Registries: map[string]image.Registry{"docker.io": {Mirrors: []string{reg.URL}, Credentials: image.Credentials{Username: "u", Password: "secret"}}}}
	reg.push(t, "library/mirrored:2")
	if _, err := image.NewPuller(store, ours, 1).Pull(t.Context(), "mirrored:2", nil); err != nil {
		t.Error(err)
	}
}

func TestCollect(t *testing.T) {
	t.Parallel()
	store := image.NewStore(host.Client)
	for _, n := range []string{"gc-old:1", "gc-used:1", "gc-new:1"} {
		if err := host.Import(t.Context(), n, n); err != nil {
			t.Fatal(err)
		}
	}
	used, err := store.Get(t.Context(), "gc-used:1")
	if err != nil {
		t.Fatal(err)
	}
	full := 90
	c := image.Collector{Store: store, Log: zap.NewNop(), MinAge: time.Nanosecond, Used: func() (int, error) { return full, nil },
		InUse: func(ctx context.Context) (map[string]bool, error) {
			list, err := store.List(ctx)
			in := map[string]bool{used.ID: true}
			for _, i := range list { // other tests' images are theirs
				if !strings.Contains(i.Names[0], "/gc-") {
					in[i.Names[0]] = true
				}
			}
			return in, err
		}}
	full = 50
	if removed, err := c.Collect(t.Context(), time.Now()); err != nil || len(removed) > 0 {
		t.Errorf("half full: %v, %v", removed, err)
	}
	full = 90
	if removed, err := c.Collect(t.Context(), time.Now()); err == nil || len(removed) != 2 {
		t.Errorf("full: %v, %v", removed, err)
	}
	if _, err := store.Get(t.Context(), "gc-used:1"); err != nil {
		t.Error(err)
	}
	if _, err := store.Get(t.Context(), "gc-old:1"); !errs.Is(err, errs.NotFound) {
		t.Error(err)
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{"nginx": "docker.io/library/nginx:latest", "a.b:5/c:1": "a.b:5/c:1", "UPPER": "", "": ""} {
		got, err := image.Normalize(in)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q is %q, %v", in, got, err)
		}
	}
}
