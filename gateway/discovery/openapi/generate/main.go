// Generate writes the OpenAPI documents that the gateway serves. With -definitions it first has Kubernetes'
// generator describe the types of k8s.io/api again, which is needed when that module changes.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"taffrail.dev/gateway/discovery/openapi/assembly"
)

func main() {
	dir := flag.String("dir", "zz_documents", "where the documents go")
	describe := flag.Bool("definitions", false, "describe the types first, in ./assembly; generate again for the documents")
	flag.Parse()
	run := func() error { return documents(*dir) }
	if *describe {
		run = func() error { return definitions(filepath.Join("assembly", "zz_definitions.json.gz")) }
	}
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func documents(dir string) error {
	all, err := assembly.Documents(assembly.Kinds())
	if err != nil {
		return err
	}
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for name, d := range all {
		for form, body := range map[string][]byte{".json.gz": d.JSON, ".pb.gz": d.Protobuf} {
			packed, err := pack(body)
			if err != nil {
				return err
			}
			file := strings.ReplaceAll(name, "/", "__") + form
			if err := os.WriteFile(filepath.Join(dir, file), packed, 0o644); err != nil {
				return err
			}
		}
	}
	return nil
}
