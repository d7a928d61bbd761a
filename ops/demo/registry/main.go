// Registry serves the demo's images on loopback: one image a binary given, with
// nothing else in it.
//
//	registry -listen 127.0.0.1:5443 web:1=/path/web-1 web:2=/path/web-2
package main

import (
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"taffrail.dev/ops/demo/image"
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
	for _, entry := range images {
		tag, binary, found := strings.Cut(entry, "=")
		if !found {
			return fmt.Errorf("%q: want NAME:TAG=BINARY", entry)
		}
		if err := push(listener.Addr().String()+"/"+tag, binary); err != nil {
			return fmt.Errorf("%s: %w", entry, err)
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
	text, err := os.ReadFile(binary)
	if err != nil {
		return err
	}
	web, err := image.Assemble(image.Spec{
		Files:  map[string][]byte{"web": text},
		Config: v1.Config{Entrypoint: []string{"/web"}, Cmd: []string{"serve"}, User: "65532:65532"},
	})
	if err != nil {
		return err
	}
	return remote.Write(ref, web)
}
