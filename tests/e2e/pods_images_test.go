package e2e

import (
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// private is a registry that asks for a password, with app:1 and other:1; pulled counts the reads of manifests.
type private struct {
	address, digest string
	pulled          atomic.Int64
}

func servePrivate(t *testing.T) *private {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &private{address: l.Addr().String()}
	images := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); user != "robot" || password != "sesame" {
			w.Header().Set("WWW-Authenticate", `Basic realm="private"`)
			http.Error(w, `{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}`, http.StatusUnauthorized)
			return
		}
		if strings.Contains(r.URL.Path, "/manifests/") && r.Method != http.MethodPut {
			p.pulled.Add(1)
		}
		images.ServeHTTP(w, r)
	})}
	served := make(chan struct{})
	go func() { defer close(served); _ = server.Serve(l) }() // until it is closed
	t.Cleanup(func() { server.Close(); <-served })
	box := must(busybox("private"))(t)
	p.digest = must(box.Digest())(t).String()
	for _, image := range []string{"/app:1", "/other:1"} {
		ref := must(name.ParseReference(p.address+image, name.Insecure))(t)
		if err := remote.Write(ref, box, remote.WithAuth(&authn.Basic{Username: "robot", Password: "sesame"})); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

// Images come by tag and digest, with the pod's or its account's credentials, as often as the policy says; what
// does not come says why.
func TestPodImages(t *testing.T) {
	t.Parallel()
	p := servePrivate(t)
	ns := namespace(t)
	shared.Must(t, "create", "secret", "docker-registry", "-n", ns, "login", "--docker-server="+p.address, "--docker-username=robot", "--docker-password=sesame")
	shared.MustApply(t, "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: puller}\nimagePullSecrets: [{name: login}]\n", "apply", "-n", ns, "-f", "-")
	text := strings.NewReplacer("PRIVATE", p.address, "DIGEST", p.digest).Replace(manifest(t, "pods-images.yaml"))
	shared.MustApply(t, text, "apply", "-n", ns, "-f", "-")
	waits := func(pod, reason string) {
		t.Helper()
		await(t, ns, pod, "{.status.containerStatuses[0].state.waiting.reason}", reason)
	}
	events := func(pod string, wants ...string) {
		t.Helper()
		for _, want := range wants {
			shared.Eventually(t, 10*time.Second, want, "describe", "-n", ns, "pod/"+pod)
		}
	}
	ready(t, ns, "with-secret", "by-account")
	for _, pod := range []string{"with-secret", "by-account"} {
		equal(t, "the image", field(t, ns, pod, "{.status.containerStatuses[0].imageID}"), p.address+"/app@"+p.digest)
		equal(t, "its environment", shell(t, ns, pod, "echo $VERSION"), "private")
	}
	events("with-secret", `Pulling image "`+p.address+`/app:1"`, `Successfully pulled image "`+p.address+`/app:1" in `, "Image size: ")

	waits("without", "ImagePullBackOff")
	contains(t, field(t, ns, "without", "{.status.containerStatuses[0].state.waiting.message}"), `Back-off pulling image "`+p.address+`/other:1"`, "authorization failed")
	events("without", "Error: ErrImagePull", "Failed to pull image", "Error: ImagePullBackOff")
	waits("absent", "ImagePullBackOff")
	contains(t, shared.Must(t, "get", "-n", ns, "pod", "absent"), "0/1 ", " ImagePullBackOff ")
	events("absent", `Failed to pull image "`+images.Address+`/nothing:1"`, "not found")
	shared.Refused(t, "", `container "app" in pod "absent" is waiting to start: trying and failing to pull image`, "logs", "-n", ns, "absent")
	waits("never", "ErrImageNeverPull")
	equal(t, "the message", field(t, ns, "never", "{.status.containerStatuses[0].state.waiting.message}"), fmt.Sprintf("Container image %q is not present with pull policy of Never", images.Address+"/nothing:2"))
	events("never", "ErrImageNeverPull")
	waits("nonsense", "InvalidImageName")
	contains(t, field(t, ns, "nonsense", "{.status.containerStatuses[0].state.waiting.message}"), `Failed to apply default image tag "`+images.Address+`/UPPER:1": couldn't parse image name`, "must be lowercase")
	events("nonsense", "InspectFailed")

	again := func(name, policy string) int64 {
		t.Helper()
		before := p.pulled.Load()
		shared.MustApply(t, fmt.Sprintf("apiVersion: v1\nkind: Pod\nmetadata: {name: %s}\nspec:\n  terminationGracePeriodSeconds: 0\n  imagePullSecrets: [{name: login}]\n"+
			"  containers: [{name: app, image: '%s/app:1', imagePullPolicy: %s, command: [sleep, '3600']}]\n", name, p.address, policy), "apply", "-n", ns, "-f", "-")
		ready(t, ns, name)
		return p.pulled.Load() - before
	}
	if n := again("present", "IfNotPresent"); n != 0 {
		t.Errorf("an image that is here was asked for %d times", n)
	}
	events("present", `Container image "`+p.address+`/app:1" already present on machine`)
	if n := again("of-never", "Never"); n != 0 {
		t.Errorf("an image that must not be pulled was asked for %d times", n)
	}
	if n := again("each-time", "Always"); n == 0 {
		t.Error("an image that is always asked for was not")
	}
}
