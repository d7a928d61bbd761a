// Command dataflow writes, between the marks of a page, who reads and writes what: a graph and a
// table made from what the services declare.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"

	"taffrail.dev/events/subject"
	"taffrail.dev/gateway/kind"
	"taffrail.dev/services/registry"
)

//go:generate go run . ../../ARCHITECTURE.md

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: dataflow PAGE")
		os.Exit(2)
	}
	if err := rewrite(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "dataflow:", err)
		os.Exit(1)
	}
}

func rewrite(page string) error {
	had, err := os.ReadFile(page)
	if err != nil {
		return err
	}
	all := stored()
	text, err := between(had, render(registry.All(registry.Config{Resources: all}), all))
	if err != nil {
		return fmt.Errorf("%s: %w", page, err)
	}
	return os.WriteFile(page, text, 0o644)
}

// stored are the resources of the kinds that clients can keep objects of.
func stored() []subject.Resource {
	var out []subject.Resource
	for _, k := range kind.All(kind.Hooks{}) {
		if k.Review == nil && !k.Internal && k.Stored == nil {
			out = append(out, k.SubjectResource())
		}
	}
	return out
}

const begin, end = "<!-- dataflow -->\n", "<!-- /dataflow -->"

// between is the page with the text between its marks.
func between(page []byte, text string) ([]byte, error) {
	head, rest, ok := bytes.Cut(page, []byte(begin))
	_, tail, closed := bytes.Cut(rest, []byte(end))
	if !ok || !closed {
		return nil, errors.New("no place between " + begin[:len(begin)-1] + " and " + end)
	}
	return bytes.Join([][]byte{head, []byte(begin), []byte(text), []byte(end), tail}, nil), nil
}
