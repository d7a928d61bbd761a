package access

import (
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"taffrail.dev/events/errs"
	"taffrail.dev/gateway/access/pki"
	"taffrail.dev/gateway/kind"
)

// door is a TLS server that answers who a request is from.
type door struct {
	*httptest.Server
	mint *mint
	set  *pki.Set
}

func newDoor(t *testing.T) *door {
	t.Helper()
	set, err := pki.Ensure(t.TempDir(), pki.Options{Nodes: []pki.Node{{Name: "deck"}}})
	if err != nil {
		t.Fatal(err)
	}
	d := &door{mint: newMint(t), set: set}
	m := newMemory(
		clusterRole("as-bob", allow("impersonate", `""`, "users", "bob"), allow("impersonate", `""`, "groups", "crew")),
		clusterRole("as-clerk", allow("impersonate", `""`, "serviceaccounts", "")),
		clusterBinding("deck", "as-bob", userSubject("system:node:deck")), localBinding("shop", "deck", "ClusterRole", "as-clerk", userSubject("system:node:deck")),
	)
	a := &Authenticator{ClientCAs: set.CA, Tokens: d.mint.Tokens, Authorize: NewAuthorizer(m, nil).Authorize}
	d.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, err := a.Authenticate(r)
		var status apierrors.APIStatus
		switch {
		case errors.As(err, &status):
			http.Error(w, status.Status().Message, int(status.Status().Code))
		case errs.Is(err, errs.Unauthorized):
			http.Error(w, err.Error(), http.StatusUnauthorized)
		case err != nil:
			http.Error(w, err.Error(), http.StatusBadRequest)
		default:
			_ = json.NewEncoder(w).Encode(user)
		}
	}))
	d.TLS = &tls.Config{Certificates: []tls.Certificate{set.Serving.TLS()}, ClientAuth: tls.RequestClientCert}
	d.StartTLS()
	t.Cleanup(d.Close)
	return d
}

// as asks with a certificate (nil for none) and headers, given as "Name: value".
func (d *door) as(t *testing.T, client *pki.Pair, path string, headers ...string) (int, kind.User, string) {
	t.Helper()
	config := &tls.Config{RootCAs: d.set.CA}
	if client != nil {
		config.Certificates = []tls.Certificate{client.TLS()}
	}
	transport := &http.Transport{TLSClientConfig: config}
	defer transport.CloseIdleConnections()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, d.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		request.Header.Add(name, value)
	}
	response, err := transport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var user kind.User
	text := new(strings.Builder)
	if response.StatusCode == http.StatusOK {
		err = json.NewDecoder(response.Body).Decode(&user)
	} else {
		_, err = copyTo(text, response)
	}
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, user, text.String()
}

func copyTo(b *strings.Builder, r *http.Response) (int64, error) {
	buffer := make([]byte, 4096)
	n, _ := r.Body.Read(buffer)
	b.Write(buffer[:n])
	return int64(n), nil
}

func TestAuthenticate(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	stranger, err := pki.Ensure(t.TempDir(), pki.Options{})
	if err != nil {
		t.Fatal(err)
	}
	token := d.mint.token(t, nil, 0)
	encoded := base64.RawURLEncoding.EncodeToString([]byte(token))
	const clerk = "system:serviceaccount:shop:clerk"
	for _, c := range []struct {
		name    string
		client  *pki.Pair
		path    string
		headers []string
		code    int
		user    string
		groups  string
	}{
		{"administrator", d.set.Admin, "/api", nil, 200, "kubernetes-admin", "system:masters,system:authenticated"},
		{"node", d.set.Nodes["deck"].Client, "/api", nil, 200, "system:node:deck", "system:nodes,system:authenticated"},
		{"another authority's certificate", stranger.Admin, "/api", nil, 401, "", ""},
		{"a server's certificate", d.set.Serving, "/api", nil, 401, "", ""},
		{"token", nil, "/api", []string{"Authorization: Bearer " + token}, 200, clerk, "system:serviceaccounts,system:serviceaccounts:shop,system:authenticated"},
		{"token of a web socket", nil, "/api", []string{"Sec-Websocket-Protocol: v4.channel.k8s.io, " + websocketBearer + encoded}, 200, clerk, "system:serviceaccounts,system:serviceaccounts:shop,system:authenticated"},
		{"bad token", nil, "/api", []string{"Authorization: Bearer x"}, 401, "", ""},
		{"bad token for health", nil, "/readyz", []string{"Authorization: Bearer x"}, 401, "", ""},
		{"password", nil, "/api", []string{"Authorization: Basic eDp5"}, 401, "", ""},
		{"nothing", nil, "/api", nil, 401, "", ""},
		{"nothing, of health", nil, "/readyz", nil, 200, "system:anonymous", "system:unauthenticated"},
		{"nothing, below health", nil, "/readyz/folds", nil, 401, "", ""},
	} {
		// Twice: the second is remembered.
		for range 2 {
			code, user, text := d.as(t, c.client, c.path, c.headers...)
			if code != c.code || user.Name != c.user || strings.Join(user.Groups, ",") != c.groups {
				t.Errorf("%s: %d %+v %s, want %d %s", c.name, code, user, text, c.code, c.user)
			}
		}
	}
}

func TestImpersonation(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	admin, deck := d.set.Admin, d.set.Nodes["deck"].Client
	for _, c := range []struct {
		name    string
		client  *pki.Pair
		headers []string
		code    int
		want    kind.User
		text    string
	}{
		{"by the administrator", admin, []string{"Impersonate-User: eve", "Impersonate-Group: a", "Impersonate-Group: b", "Impersonate-Uid: 7", "Impersonate-Extra-Acme.com%2fScope: s"}, 200, kind.User{
			Name: "eve", UID: "7", Groups: []string{"a", "b", "system:authenticated"}, Extra: map[string][]string{"acme.com/scope": {"s"}}, Impersonator: "kubernetes-admin",
		}, ""},
		{"a service account", deck, []string{"Impersonate-User: system:serviceaccount:shop:clerk"}, 200, kind.User{
			Name: "system:serviceaccount:shop:clerk", Groups: []string{"system:serviceaccounts", "system:serviceaccounts:shop", "system:authenticated"}, Impersonator: "system:node:deck",
		}, ""},
		{"a service account elsewhere", deck, []string{"Impersonate-User: system:serviceaccount:bank:clerk"}, 403, kind.User{}, `cannot impersonate resource "serviceaccounts" in API group "" in the namespace "bank"`},
		{"as allowed", deck, []string{"Impersonate-User: bob", "Impersonate-Group: crew"}, 200, kind.User{Name: "bob", Groups: []string{"crew", "system:authenticated"}, Impersonator: "system:node:deck"}, ""},
		{"another user", deck, []string{"Impersonate-User: ann"}, 403, kind.User{}, `users "ann" is forbidden: User "system:node:deck" cannot impersonate resource "users" in API group "" at the cluster scope`},
		{"a group too many", deck, []string{"Impersonate-User: bob", "Impersonate-Group: system:masters"}, 403, kind.User{}, `groups "system:masters" is forbidden`},
		{"a uid", deck, []string{"Impersonate-User: bob", "Impersonate-Uid: 1"}, 403, kind.User{}, `uids.authentication.k8s.io "1" is forbidden`},
		{"a group alone", admin, []string{"Impersonate-Group: crew"}, 400, kind.User{}, "without impersonating a user"},
	} {
		code, user, text := d.as(t, c.client, "/api", c.headers...)
		same := user.Name == c.want.Name && user.UID == c.want.UID && slices.Equal(user.Groups, c.want.Groups) && user.Impersonator == c.want.Impersonator &&
			len(user.Extra) == len(c.want.Extra)
		for key, values := range c.want.Extra {
			same = same && slices.Equal(user.Extra[key], values)
		}
		if code != c.code || !same || !strings.Contains(text, c.text) {
			t.Errorf("%s: %d %+v %s", c.name, code, user, text)
		}
	}
}

func BenchmarkCertificate(b *testing.B) {
	set, err := pki.Ensure(b.TempDir(), pki.Options{})
	if err != nil {
		b.Fatal(err)
	}
	a := &Authenticator{ClientCAs: set.CA}
	r := httptest.NewRequest(http.MethodGet, "/api", nil)
	r.TLS = &tls.ConnectionState{}
	r.TLS.PeerCertificates = append(r.TLS.PeerCertificates, set.Admin.Leaf)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := a.Authenticate(r); err != nil {
			b.Fatal(err)
		}
	}
}
