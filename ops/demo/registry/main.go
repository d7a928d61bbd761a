// Registry serves the demo's images on loopback: one image a binary given, with
// nothing else in it.
//
//	registry -listen 127.0.0.1:5443 web:1=/path/web-1 web:2=/path/web-2
package main

import (
	"archive/tar"
	"bytes"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:5443", "address to serve on")
	flag.Parse()
	if err := run(*listen, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "registry:", err)
		os.Exit(1)
	}
}

func run(listen string, images []string) error {
	listener, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	failed := make(chan error, 1)
	handler := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	go func() { failed <- http.Serve(listener, handler) }()
	for _, image := range images {
		tag, binary, found := strings.Cut(image, "=")
		if !found {
			return fmt.Errorf("%q: want NAME:TAG=BINARY", image)
		}
		if err := push(listener.Addr().String()+"/"+tag, binary); err != nil {
			return fmt.Errorf("%s: %w", image, err)
		}
	}
	fmt.Println("serving", len(images), "images on", listener.Addr())
	return <-failed
}

func push(reference, binary string) error {
	ref, err := name.ParseReference(reference, name.Insecure)
	if err != nil {
		return err
	}
	image, err := assemble(binary)
	if err != nil {
		return err
	}
	return remote.Write(ref, image)
}

// assemble makes an image of one static binary, /web, run as an ordinary user.
func assemble(binary string) (v1.Image, error) {
	text, err := os.ReadFile(binary)
	if err != nil {
		return nil, err
	}
	var layer bytes.Buffer
	w := tar.NewWriter(&layer)
	header := &tar.Header{Name: "web", Mode: 0o755, Size: int64(len(text)), Typeflag: tar.TypeReg}
	if err := w.WriteHeader(header); err != nil {
		return nil, err
	}
	if _, err := w.Write(text); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	opened, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(layer.Bytes())), nil
	})
	if err != nil {
		return nil, err
	}
	image, err := mutate.AppendLayers(empty.Image, opened)
	if err != nil {
		return nil, err
	}
	return mutate.ConfigFile(image, &v1.ConfigFile{
		OS: "linux", Architecture: runtime.GOARCH,
		RootFS: v1.RootFS{Type: "layers", DiffIDs: diffIDs(image)},
		Config: v1.Config{Entrypoint: []string{"/web"}, Cmd: []string{"serve"}, User: "65532:65532"},
	})
}

func diffIDs(image v1.Image) []v1.Hash {
	config, err := image.ConfigFile()
	if err != nil {
		return nil
	}
	return config.RootFS.DiffIDs
}
