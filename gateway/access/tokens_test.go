package access

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"taffrail.dev/gateway/kind"
)

const issuer = "https://kubernetes.default.svc.cluster.local"

// mint is Tokens over a memory, with a clock of its own.
type mint struct {
	*Tokens
	objects *memory
	account *corev1.ServiceAccount
	time    time.Time
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func newMint(t testing.TB) *mint {
	t.Helper()
	m := &mint{
		account: &corev1.ServiceAccount{ObjectMeta: metaOf("shop", "clerk", "sa-1")}, time: time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC),
	}
	m.objects = newMemory(
		m.account, podOn("deck", "shop", "web", "clerk"), podOn("", "shop", "waiting", "clerk"), podOn("deck", "shop", "other", "default"),
		&corev1.Node{ObjectMeta: metaOf("", "deck", "node-1")}, &corev1.Secret{ObjectMeta: metaOf("shop", "till", "secret-1")},
	)
	tokens, err := NewTokens(issuer, []string{issuer, "api"}, newKey(t), m.objects, func() time.Time { return m.time })
	if err != nil {
		t.Fatal(err)
	}
	m.Tokens = tokens
	return m
}

func (m *mint) request(ref *authenticationv1.BoundObjectReference, seconds int64, audiences ...string) *authenticationv1.TokenRequest {
	r := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{BoundObjectRef: ref, Audiences: audiences}}
	if seconds != 0 {
		r.Spec.ExpirationSeconds = &seconds
	}
	return r
}

func (m *mint) ask(user kind.User, request *authenticationv1.TokenRequest) (*authenticationv1.TokenRequest, error) {
	answer, err := m.CreateToken(context.Background(), &kind.Request{User: user}, m.objects, m.account, request)
	if err != nil {
		return nil, err
	}
	return answer.(*authenticationv1.TokenRequest), nil
}

func refTo(kindName, name, uid string) *authenticationv1.BoundObjectReference {
	return &authenticationv1.BoundObjectReference{APIVersion: "v1", Kind: kindName, Name: name, UID: metaOf("", "", uid).UID}
}

func (m *mint) token(t testing.TB, ref *authenticationv1.BoundObjectReference, seconds int64, audiences ...string) string {
	t.Helper()
	answer, err := m.ask(member("admin"), m.request(ref, seconds, audiences...))
	if err != nil {
		t.Fatal(err)
	}
	return answer.Status.Token
}

func TestTokenRoundTrip(t *testing.T) {
	t.Parallel()
	m := newMint(t)
	answer, err := m.ask(member("admin"), m.request(refTo("Pod", "web", "pod-web"), 0))
	if err != nil {
		t.Fatal(err)
	}
	if want := m.time.Add(time.Hour); !answer.Status.ExpirationTimestamp.Time.Equal(want) || *answer.Spec.ExpirationSeconds != 3600 {
		t.Errorf("expires %v after %d s, want %v", answer.Status.ExpirationTimestamp, *answer.Spec.ExpirationSeconds, want)
	}
	user, audiences, err := m.Authenticate(answer.Status.Token, nil)
	if err != nil {
		t.Fatal(err)
	}
	if user.Name != "system:serviceaccount:shop:clerk" || user.UID != "sa-1" ||
		!slices.Equal(user.Groups, []string{"system:serviceaccounts", "system:serviceaccounts:shop", "system:authenticated"}) ||
		!slices.Equal(audiences, []string{issuer, "api"}) {
		t.Errorf("%+v %q", user, audiences)
	}
	for key, want := range map[string]string{extraPodName: "web", extraPodUID: "pod-web", extraNodeName: "deck", extraNodeUID: "node-1"} {
		if got := user.Extra[key]; !slices.Equal(got, []string{want}) {
			t.Errorf("%s is %q, want %s", key, got, want)
		}
	}
	if id := user.Extra[extraCredentialID]; len(id) != 1 || !strings.HasPrefix(id[0], "JTI=") {
		t.Errorf("credential id %q", id)
	}
}

func TestTokenRequestRefusals(t *testing.T) {
	t.Parallel()
	m := newMint(t)
	node := NodeUser("deck")
	for _, c := range []struct {
		user    kind.User
		request *authenticationv1.TokenRequest
		want    string
		is      func(error) bool
	}{
		{node, m.request(nil, 0), "node requested token not bound to a pod", apierrors.IsForbidden},
		{NodeUser("hold"), m.request(refTo("Pod", "web", ""), 0), "node requested token bound to a pod scheduled on a different node", apierrors.IsForbidden},
		{node, m.request(refTo("Pod", "waiting", ""), 0), "node requested token bound to a pod scheduled on a different node", apierrors.IsForbidden},
		{node, m.request(refTo("Pod", "other", ""), 0), "cannot bind token for serviceaccount", apierrors.IsBadRequest},
		{node, m.request(refTo("Pod", "gone", ""), 0), `pods "gone" not found`, apierrors.IsNotFound},
		{node, m.request(refTo("Pod", "web", "old"), 0), "does not match the UID in record", apierrors.IsConflict},
		{node, m.request(refTo("Deployment", "web", ""), 0), "cannot bind token", apierrors.IsBadRequest},
		{node, m.request(refTo("Pod", "web", ""), 599), "may not specify a duration less than 10 minutes", apierrors.IsInvalid},
		{node, m.request(refTo("Pod", "web", ""), 1<<33), "may not specify a duration larger than 2^32 seconds", apierrors.IsInvalid},
	} {
		if _, err := m.ask(c.user, c.request); err == nil || !strings.Contains(err.Error(), c.want) || !c.is(err) {
			t.Errorf("%v, want %s", err, c.want)
		}
	}
	if _, err := m.ask(node, m.request(refTo("Pod", "web", ""), 0)); err != nil {
		t.Errorf("a node's own pod: %v", err)
	}
	answer, err := m.ask(member("admin"), m.request(nil, 1<<32))
	if err != nil || *answer.Spec.ExpirationSeconds != 24*3600 {
		t.Errorf("a token for a century lasts %v, %v", answer, err)
	}
}

// TestTokensEnd with their time, and with what they are bound to.
func TestTokensEnd(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		ref    *authenticationv1.BoundObjectReference
		change func(m *mint)
		want   string
	}{
		"time":          {nil, func(m *mint) { m.time = m.time.Add(time.Hour + time.Second) }, "expired"},
		"account gone":  {nil, func(m *mint) { m.objects.remove(keyOfObject(m.account)) }, `"clerk" has been deleted`},
		"account again": {nil, func(m *mint) { m.objects.put(&corev1.ServiceAccount{ObjectMeta: metaOf("shop", "clerk", "sa-2")}) }, "UID sa-2"},
		"pod gone":      {refTo("Pod", "web", ""), func(m *mint) { m.objects.remove(keyOfObject(podOn("", "shop", "web", ""))) }, `"web" has been deleted`},
		"secret again":  {refTo("Secret", "till", ""), func(m *mint) { m.objects.put(&corev1.Secret{ObjectMeta: metaOf("shop", "till", "x")}) }, "UID x"},
		"node gone":     {refTo("Node", "deck", ""), func(m *mint) { m.objects.remove(keyOfObject(&corev1.Node{ObjectMeta: metaOf("", "deck", "")})) }, `"deck" has been deleted`},
		"pod deleted a while ago": {refTo("Pod", "web", ""), func(m *mint) {
			pod := podOn("deck", "shop", "web", "clerk")
			pod.DeletionTimestamp = &metav1.Time{Time: m.time}
			m.objects.put(pod)
			m.time = m.time.Add(2 * time.Minute)
		}, "is being deleted"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMint(t)
			token := m.token(t, c.ref, 0)
			// Remembered first: what is remembered is checked again.
			if _, _, err := m.Authenticate(token, nil); err != nil {
				t.Fatal(err)
			}
			c.change(m)
			if _, _, err := m.Authenticate(token, nil); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %s", err, c.want)
			}
		})
	}
}

func TestForgedTokens(t *testing.T) {
	t.Parallel()
	m, other := newMint(t), newMint(t)
	forge := func(change func(c *claims)) string {
		c := claims{
			Claims:  jwt.Claims{Issuer: issuer, Subject: "system:serviceaccount:shop:clerk", Audience: jwt.Audience{issuer}, Expiry: jwt.NewNumericDate(m.time.Add(time.Hour))},
			Private: privateClaims{Namespace: "shop", ServiceAccount: bound{"clerk", "sa-1"}},
		}
		change(&c)
		token, err := jwt.Signed(m.signer).Claims(c).Serialize()
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	unsigned := "eyJhbGciOiJub25lIn0." + strings.Split(m.token(t, nil, 0), ".")[1] + "."
	for name, token := range map[string]string{
		"another's key": other.token(t, nil, 0), "nobody's key": unsigned, "no token": "x.y.z",
		"another's issuer": forge(func(c *claims) { c.Issuer = "https://elsewhere" }),
		"another subject":  forge(func(c *claims) { c.Subject = "system:serviceaccount:kube-system:admin" }),
		"no end":           forge(func(c *claims) { c.Expiry = nil }),
		"not yet":          forge(func(c *claims) { c.NotBefore = jwt.NewNumericDate(m.time.Add(time.Minute)) }),
		"no account's uid": forge(func(c *claims) { c.Private.ServiceAccount.UID = "" }),
		"another audience": m.token(t, nil, 0, "vault"),
	} {
		if user, _, err := m.Authenticate(token, nil); err == nil {
			t.Errorf("%s: is %s", name, user.Name)
		}
	}
	if _, audiences, err := m.Authenticate(m.token(t, nil, 0, "vault", "api"), []string{"vault"}); err != nil || !slices.Equal(audiences, []string{"vault"}) {
		t.Errorf("%q %v", audiences, err)
	}
}

// TestOthersCheckTokens with what is published, as any OIDC client does.
func TestOthersCheckTokens(t *testing.T) {
	t.Parallel()
	m := newMint(t)
	handler, err := m.OIDC()
	if err != nil {
		t.Fatal(err)
	}
	read := func(path string, into any) {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		if err := json.Unmarshal(w.Body.Bytes(), into); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
	}
	var configuration struct {
		Issuer string `json:"issuer"`
		Keys   string `json:"jwks_uri"`
	}
	read(PathOIDC, &configuration)
	if configuration.Issuer != issuer || configuration.Keys != issuer+PathJWKS {
		t.Errorf("%+v", configuration)
	}
	var keys jose.JSONWebKeySet
	read(PathJWKS, &keys)
	parsed, err := jwt.ParseSigned(m.token(t, nil, 0), []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		t.Fatal(err)
	}
	var c jwt.Claims
	if err := parsed.Claims(keys, &c); err != nil || c.Subject != "system:serviceaccount:shop:clerk" {
		t.Errorf("%+v %v", c, err)
	}
	if !keys.Keys[0].IsPublic() {
		t.Error("a private key is published")
	}
}

func BenchmarkToken(b *testing.B) {
	m := newMint(b)
	token := m.token(b, refTo("Pod", "web", ""), 0)
	b.Run("remembered", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, _, err := m.Authenticate(token, nil); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("first", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			m.verified = cache[[32]byte, *claims]{}
			if _, _, err := m.Authenticate(token, nil); err != nil {
				b.Fatal(err)
			}
		}
	})
}
