package e2e

import (
	"bytes"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"taffrail.dev/ops/demo/image"
)

// Registry is a registry on loopback with the tests' images: busybox:1 and :2, which are
// Debian's static busybox.
type Registry struct {
	Address  string
	listener net.Listener
	served   chan struct{}
}

// Serve starts a registry and pushes the images to it.
func Serve() (*Registry, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r := &Registry{Address: l.Addr().String(), listener: l, served: make(chan struct{})}
	go func() {
		defer close(r.served)
		_ = http.Serve(l, registry.New(registry.Logger(log.New(io.Discard, "", 0)))) // ends with its listener
	}()
	for _, tag := range []string{"1", "2"} {
		if err := r.push("busybox:"+tag, tag); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// Close stops serving.
func (r *Registry) Close() {
	r.listener.Close()
	<-r.served
}

func (r *Registry) push(reference, version string) error {
	box, err := busybox(version)
	if err != nil {
		return err
	}
	return r.write(reference, box)
}

// write pushes any image.
func (r *Registry) write(reference string, made v1.Image) error {
	ref, err := name.ParseReference(r.Address+"/"+reference, name.Insecure)
	if err != nil {
		return err
	}
	return remote.Write(ref, made)
}

func busybox(version string) (v1.Image, error) {
	files, links, err := boxFiles()
	if err != nil {
		return nil, err
	}
	return image.Assemble(image.Spec{
		Files: files, Links: links,
		Config: v1.Config{Env: []string{"PATH=/bin", "VERSION=" + version}, Cmd: []string{"sh"}},
	})
}

// boxFiles are busybox and the links of its applets.
func boxFiles() (files map[string][]byte, links map[string]string, err error) {
	text, err := os.ReadFile("/bin/busybox")
	if err != nil {
		return nil, nil, err
	}
	list, err := exec.Command("/bin/busybox", "--list").Output()
	if err != nil {
		return nil, nil, err
	}
	links = map[string]string{}
	for _, applet := range strings.Fields(string(bytes.TrimSpace(list))) {
		if applet != "busybox" {
			links["bin/"+applet] = "busybox"
		}
	}
	return map[string][]byte{"bin/busybox": text}, links, nil
}
