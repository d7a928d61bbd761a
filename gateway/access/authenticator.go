package access

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"taffrail.dev/events/errs"
	"taffrail.dev/gateway/kind"
)

// Authenticator finds out who sent a request. It is safe for concurrent use once its fields are set.
type Authenticator struct {
	// ClientCAs vouch for client certificates; nil accepts none. The server must ask for them
	// (tls.RequestClientCert or stricter).
	ClientCAs *x509.CertPool
	// Tokens checks bearer tokens; nil accepts none.
	Tokens *Tokens
	// Authorize decides on impersonation; nil forbids it.
	Authorize Authorize
	// Now is the present; nil is time.Now.
	Now func() time.Time

	certificates cache[[sha256.Size]byte, certificateUser]
}

type certificateUser struct {
	kind.User
	notAfter time.Time
}

// Authenticate is the user of a request. The error is of kind Unauthorized, or Forbidden for an
// impersonation that is not allowed (then an *apierrors.StatusError).
func (a *Authenticator) Authenticate(r *http.Request) (kind.User, error) {
	user, err := a.credentials(r)
	if err != nil {
		return kind.User{}, errs.E("authenticate", errs.Unauthorized, err)
	}
	if impersonates(r.Header) {
		return a.impersonate(r.Context(), user, r.Header)
	}
	return user, nil
}

// errUnauthorized tells a client nothing more than it may know.
var errUnauthorized = errors.New(reasonUnauthorized)

func (a *Authenticator) credentials(r *http.Request) (kind.User, error) {
	if r.TLS != nil && len(r.TLS.PeerCertificates) > 0 && a.ClientCAs != nil {
		if user, ok := a.certificate(r); ok {
			return user, nil
		}
	}
	if token, ok := bearer(r.Header); ok {
		if a.Tokens == nil {
			return kind.User{}, errUnauthorized
		}
		user, _, err := a.Tokens.Authenticate(token, nil)
		return user, err
	}
	if anonymousPath(r.URL.Path) {
		return anonymous(), nil
	}
	return kind.User{}, errUnauthorized
}

func bearer(h http.Header) (string, bool) {
	if auth := h.Get("Authorization"); auth != "" {
		scheme, token, _ := strings.Cut(auth, " ")
		token = strings.TrimSpace(token)
		return token, strings.EqualFold(scheme, "bearer") && token != "" && len(token) <= maxCredentialLength
	}
	// A browser cannot set headers of a web socket; Kubernetes has it send a subprotocol.
	for _, line := range h.Values("Sec-Websocket-Protocol") {
		for protocol := range strings.SplitSeq(line, ",") {
			if encoded, ok := strings.CutPrefix(strings.TrimSpace(protocol), websocketBearer); ok {
				return decodeWebsocketBearer(encoded)
			}
		}
	}
	return "", false
}

func (a *Authenticator) certificate(r *http.Request) (kind.User, bool) {
	leaf, now := r.TLS.PeerCertificates[0], a.now()
	key := sha256.Sum256(leaf.Raw)
	if known, ok := a.certificates.get(key); ok {
		return known.User, now.Before(known.notAfter)
	}
	options := x509.VerifyOptions{
		Roots: a.ClientCAs, Intermediates: x509.NewCertPool(), CurrentTime: now,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	for _, c := range r.TLS.PeerCertificates[1:] {
		options.Intermediates.AddCert(c)
	}
	chains, err := leaf.Verify(options)
	if err != nil || leaf.Subject.CommonName == "" {
		return kind.User{}, false
	}
	groups := append(slices.Clone(leaf.Subject.Organization), groupAuthenticated)
	user := certificateUser{
		User:     kind.User{Name: leaf.Subject.CommonName, Groups: slices.Clip(groups)},
		notAfter: chains[0][0].NotAfter,
	}
	for _, c := range chains[0] {
		if c.NotAfter.Before(user.notAfter) {
			user.notAfter = c.NotAfter
		}
	}
	a.certificates.put(key, user)
	return user.User, true
}

func (a *Authenticator) now() time.Time {
	if a.Now == nil {
		return time.Now()
	}
	return a.Now()
}

// allowed asks whether user may do what attributes say.
func (a *Authenticator) allowed(ctx context.Context, attributes *Attributes) error {
	if a.Authorize == nil {
		return Forbidden(attributes, "")
	}
	allowed, reason, err := a.Authorize(ctx, *attributes)
	if err != nil && reason == "" {
		reason = err.Error()
	}
	if !allowed {
		return Forbidden(attributes, reason)
	}
	return nil
}
