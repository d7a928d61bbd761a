// Web is the demo's small HTTP server, and the client that the demo asks it with.
//
//	web serve            answers / on :8080 with its version, host and greeting
//	web get URL          prints the answer to one request
//	web load URL         asks without pause until interrupted, then counts answers
package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// version is set when the image is assembled.
var version = "dev"

// greeting is where the ConfigMap is mounted.
const greeting = "/etc/web/greeting"

// drain is how long a stopping server goes on answering, while the proxies forget
// it.
const drain = 2 * time.Second

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "web:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	switch {
	case len(args) == 1 && args[0] == "serve":
		return serve(ctx)
	case len(args) == 2 && args[0] == "get":
		text, err := get(args[1])
		fmt.Print(text)
		return err
	case len(args) == 2 && args[0] == "load":
		return load(ctx, args[1])
	}
	return fmt.Errorf("usage: web serve | web get URL | web load URL")
}

func serve(ctx context.Context) error {
	host, err := os.Hostname()
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		text, err := os.ReadFile(greeting)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		fmt.Fprintf(w, "%s, from web %s on %s\n", strings.TrimSpace(string(text)), version, host)
	})
	server := &http.Server{Addr: ":8080", Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	failed := make(chan error, 1)
	go func() { failed <- server.ListenAndServe() }()
	fmt.Printf("web %s listens on :8080\n", version)
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	<-time.After(drain)
	end, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return server.Shutdown(end)
}

// client opens a connection a request, so that each one is balanced anew.
var client = &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}

func get(url string) (string, error) {
	response, err := client.Get(url)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, 1<<16))
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s answered %s", url, response.Status)
	}
	return string(text), err
}

func load(ctx context.Context, url string) error {
	var answered, failed atomic.Int64
	var last error
	pace := time.NewTicker(10 * time.Millisecond)
	defer pace.Stop()
	for ctx.Err() == nil {
		if _, err := get(url); err != nil {
			failed.Add(1)
			last = err
		} else {
			answered.Add(1)
		}
		select {
		case <-pace.C:
		case <-ctx.Done():
		}
	}
	fmt.Printf("%d requests answered, %d failed\n", answered.Load(), failed.Load())
	if last != nil {
		return fmt.Errorf("the last failure: %w", last)
	}
	return nil
}
