package image

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/containerd/containerd/v2/core/remotes/docker"
	"sigs.k8s.io/yaml"
)

// Credentials log in to a registry.
type Credentials struct {
	Username string `json:"username,omitempty"`
	Password string `json:"password,omitempty"`
	// Token is an identity token, instead of the two.
	Token string `json:"token,omitempty"`
}

// Registry is how one registry host is reached.
type Registry struct {
	// Mirrors are asked first, in order: URLs such as "http://127.0.0.1:5000".
	Mirrors []string `json:"mirrors,omitempty"`
	Credentials
	// PlainHTTP speaks HTTP; loopback registries need not say so.
	PlainHTTP bool `json:"plainHTTP,omitempty"`
	// CAFile holds certificates to trust, SkipVerify trusts any.
	CAFile     string `json:"caFile,omitempty"`
	SkipVerify bool   `json:"skipVerify,omitempty"`
}

// Registries is the registry configuration file (YAML or JSON), by host; "*" is any other.
type Registries struct {
	Registries map[string]Registry `json:"registries"`
}

// LoadRegistries reads a registry configuration; "" is the empty one.
func LoadRegistries(file string) (Registries, error) {
	var r Registries
	if file == "" {
		return r, nil
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return r, fmt.Errorf("registry configuration: %w", err)
	}
	if err := yaml.UnmarshalStrict(b, &r); err != nil {
		return r, fmt.Errorf("registry configuration %s: %w", file, err)
	}
	return r, nil
}

func (r Registries) of(host string) Registry {
	if c, ok := r.Registries[host]; ok {
		return c
	}
	return r.Registries["*"]
}

// Keychain are credentials by registry host, of pull secrets.
type Keychain map[string]Credentials

// AddDockerConfig adds the credentials of a .dockerconfigjson or, with legacy, a .dockercfg secret.
func (k Keychain) AddDockerConfig(b []byte, legacy bool) error {
	type entry struct {
		Username      string `json:"username"`
		Password      string `json:"password"`
		Auth          string `json:"auth"`
		IdentityToken string `json:"identitytoken"`
	}
	var auths map[string]entry
	var err error
	if legacy {
		err = json.Unmarshal(b, &auths)
	} else {
		var file struct{ Auths map[string]entry }
		err = json.Unmarshal(b, &file)
		auths = file.Auths
	}
	if err != nil {
		return fmt.Errorf("pull secret: %w", err)
	}
	for server, e := range auths {
		c := Credentials{Username: e.Username, Password: e.Password, Token: e.IdentityToken}
		if e.Auth != "" {
			plain, err := base64.StdEncoding.DecodeString(e.Auth)
			if err != nil {
				return fmt.Errorf("pull secret: auth of %s: %w", server, err)
			}
			c.Username, c.Password, _ = strings.Cut(string(plain), ":")
		}
		k[hostOf(server)] = c
	}
	return nil
}

func hostOf(server string) string {
	if i := strings.Index(server, "://"); i >= 0 {
		server = server[i+3:]
	}
	host, _, _ := strings.Cut(server, "/")
	if host == "index.docker.io" || host == "registry-1.docker.io" {
		return "docker.io"
	}
	return host
}

// resolver finds images for one pull: mirrors first, then the registry itself.
func (r Registries) resolver(keys Keychain) docker.RegistryHosts {
	return func(host string) ([]docker.RegistryHost, error) {
		conf := r.of(host)
		own := func(name string) (string, string, error) {
			c := conf.Credentials
			if k, ok := keys[hostOf(name)]; ok {
				c = k
			} else if k, ok := keys[host]; ok {
				c = k
			}
			return c.Username, firstOf(c.Token, c.Password), nil
		}
		transport, err := transport(conf)
		if err != nil {
			return nil, err
		}
		cl := &http.Client{Transport: transport}
		entry := func(scheme, address string, can docker.HostCapabilities) docker.RegistryHost {
			return docker.RegistryHost{Client: cl, Host: address, Scheme: scheme, Path: "/v2", Capabilities: can,
				Authorizer: docker.NewDockerAuthorizer(docker.WithAuthClient(cl), docker.WithAuthCreds(own))}
		}
		var out []docker.RegistryHost
		for _, m := range conf.Mirrors {
			u, err := url.Parse(m)
			if err != nil || u.Host == "" {
				return nil, fmt.Errorf("mirror %q of %s is not a URL", m, host)
			}
			out = append(out, entry(u.Scheme, u.Host, docker.HostCapabilityPull|docker.HostCapabilityResolve))
		}
		scheme, address := "https", host
		if host == "docker.io" {
			address = "registry-1.docker.io"
		}
		if conf.PlainHTTP || loopback(host) {
			scheme = "http"
		}
		return append(out, entry(scheme, address, docker.HostCapabilityPull|docker.HostCapabilityResolve)), nil
	}
}

func loopback(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func transport(r Registry) (*http.Transport, error) {
	t := &http.Transport{
		Proxy: http.ProxyFromEnvironment, TLSHandshakeTimeout: 10 * time.Second, ResponseHeaderTimeout: 60 * time.Second,
		DialContext: (&net.Dialer{Timeout: 10 * time.Second}).DialContext, IdleConnTimeout: 5 * time.Second, MaxIdleConns: 8,
	}
	t.TLSClientConfig = &tls.Config{InsecureSkipVerify: r.SkipVerify, MinVersion: tls.VersionTLS12}
	if r.CAFile != "" {
		b, err := os.ReadFile(r.CAFile)
		if err != nil {
			return nil, fmt.Errorf("registry certificates: %w", err)
		}
		t.TLSClientConfig.RootCAs = x509.NewCertPool()
		if !t.TLSClientConfig.RootCAs.AppendCertsFromPEM(b) {
			return nil, fmt.Errorf("registry certificates: none in %s", r.CAFile)
		}
	}
	return t, nil
}

func firstOf(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}
