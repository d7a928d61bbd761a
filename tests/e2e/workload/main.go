// Workload is a program for containers of the tests: it serves the gRPC health protocol, or asks the API as
// its service account.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health/grpc_health_v1"
)

func main() {
	health := flag.String("health", "", "address to serve the gRPC health protocol at")
	sick := flag.String("sick", "/tmp/sick", "file that, while it exists, makes the health NOT_SERVING")
	ask := flag.String("ask", "", "path of the API to ask")
	flag.Parse()
	var err error
	switch {
	case *health != "":
		err = serve(*health, *sick)
	case *ask != "":
		err = get(*ask, os.Stdout)
	default:
		err = errors.New("nothing to do")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// checker serves as long as its file does not exist.
type checker struct {
	grpc_health_v1.UnimplementedHealthServer
	sick string
}

func (c checker) Check(context.Context, *grpc_health_v1.HealthCheckRequest) (*grpc_health_v1.HealthCheckResponse, error) {
	status := grpc_health_v1.HealthCheckResponse_SERVING
	if _, err := os.Stat(c.sick); err == nil {
		status = grpc_health_v1.HealthCheckResponse_NOT_SERVING
	}
	return &grpc_health_v1.HealthCheckResponse{Status: status}, nil
}

func serve(address, sick string) error {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	s := grpc.NewServer()
	grpc_health_v1.RegisterHealthServer(s, checker{sick: sick})
	return s.Serve(l)
}

const account = "/var/run/secrets/kubernetes.io/serviceaccount"

// get asks the API as Kubernetes' clients in a cluster do: by its name, trusting the account's authority.
func get(path string, to io.Writer) error {
	token, err := os.ReadFile(filepath.Join(account, "token"))
	if err != nil {
		return err
	}
	authority, err := os.ReadFile(filepath.Join(account, "ca.crt"))
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(authority) {
		return errors.New("the account's authority has no certificate")
	}
	request, err := http.NewRequest(http.MethodGet, "https://kubernetes.default.svc"+path, nil)
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	client := http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}}
	answer, err := client.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	fmt.Fprintln(to, answer.Status)
	_, err = io.Copy(to, io.LimitReader(answer.Body, 1<<20))
	return err
}
