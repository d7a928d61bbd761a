package gateway_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net/http"
	"strings"
	"testing"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TestLongHeads has a query of a million labels refused, over HTTP/2 and HTTP/1.1.
func TestLongHeads(t *testing.T) {
	t.Parallel()
	d := open(t, t.TempDir())
	path := "https://" + d.address + "/api/v1/namespaces?labelSelector=" + strings.Repeat("a,", 1_000_000) + "a"
	for _, two := range []bool{true, false} {
		transport := &http.Transport{
			TLSClientConfig:   &tls.Config{RootCAs: d.keys.CA, Certificates: []tls.Certificate{d.keys.Admin.TLS()}},
			ForceAttemptHTTP2: two, TLSNextProto: map[string]func(string, *tls.Conn) http.RoundTripper{},
		}
		if two {
			transport.TLSNextProto = nil
		}
		answer, err := (&http.Client{Transport: transport}).Get(path)
		if err == nil { // or the client is told before it has sent all
			_, _ = io.Copy(io.Discard, answer.Body)
			_ = answer.Body.Close()
			if answer.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
				t.Errorf("HTTP/2 %v: %s", two, answer.Status)
			}
		}
		transport.CloseIdleConnections()
	}
	if _, err := d.client(t).CoreV1().Namespaces().List(t.Context(), metav1.ListOptions{}); err != nil {
		t.Error(err)
	}
}

// TestRapidReset has a client open tens of thousands of streams and reset them at once: others are served.
func TestRapidReset(t *testing.T) {
	t.Parallel()
	d := open(t, t.TempDir())
	c, err := tls.Dial("tcp", d.address, &tls.Config{
		RootCAs: d.keys.CA, Certificates: []tls.Certificate{d.keys.Admin.TLS()}, NextProtos: []string{"h2"},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, http2.ClientPreface); err != nil {
		t.Fatal(err)
	}
	framer := http2.NewFramer(c, c)
	if err := framer.WriteSettings(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	go func() { // what the server says is read away until it closes
		defer cancel()
		_, _ = io.Copy(io.Discard, c)
	}()
	resets := 0
	for id := uint32(1); resets < 50_000 && ctx.Err() == nil; id += 2 {
		var head bytes.Buffer
		encoder := hpack.NewEncoder(&head)
		for _, f := range [][2]string{{":method", "GET"}, {":scheme", "https"}, {":authority", "a"}, {":path", "/api/v1/configmaps?watch=1"}} {
			if err := encoder.WriteField(hpack.HeaderField{Name: f[0], Value: f[1]}); err != nil {
				t.Fatal(err)
			}
		}
		err := framer.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: head.Bytes(), EndHeaders: true, EndStream: true})
		if err == nil {
			err = framer.WriteRSTStream(id, http2.ErrCodeCancel)
		}
		if err != nil {
			break
		}
		resets++
	}
	if _, err := d.client(t).CoreV1().Namespaces().List(t.Context(), metav1.ListOptions{}); err != nil {
		t.Errorf("after %d resets: %v", resets, err)
	}
	t.Logf("%d streams were reset; closed: %v", resets, ctx.Err() != nil)
}
