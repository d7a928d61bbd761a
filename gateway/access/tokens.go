package access

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/google/uuid"

	"taffrail.dev/gateway/kind"
)

// Tokens issues and checks service-account tokens: JWTs signed ES256, bound to the account, and
// optionally to a pod, node or secret; a token ends with what it is bound to.
// It is safe for concurrent use.
type Tokens struct {
	// Bootstrap accepts bootstrap tokens too. It is set before the first use.
	Bootstrap bool

	issuer    string
	audiences []string
	signer    jose.Signer
	keys      jose.JSONWebKeySet
	objects   kind.Reader
	now       func() time.Time
	verified  cache[[sha256.Size]byte, *claims]
}

// NewTokens makes a Tokens. The issuer is a URL, and it and audiences are what the gateway accepts
// tokens for; the first audience is what tokens are for unless they ask. The objects that tokens are bound to
// are looked up in objects. Former are public keys that signed before key; now nil is time.Now.
func NewTokens(issuer string, audiences []string, key *ecdsa.PrivateKey, objects kind.Reader, now func() time.Time, former ...*ecdsa.PublicKey) (*Tokens, error) {
	if now == nil {
		now = time.Now
	}
	if len(audiences) == 0 {
		audiences = []string{issuer}
	}
	t := &Tokens{issuer: issuer, audiences: audiences, objects: objects, now: now}
	for _, public := range append([]*ecdsa.PublicKey{&key.PublicKey}, former...) {
		id, err := keyID(public)
		if err != nil {
			return nil, err
		}
		t.keys.Keys = append(t.keys.Keys, jose.JSONWebKey{Key: public, KeyID: id, Algorithm: string(jose.ES256), Use: "sig"})
	}
	private := jose.JSONWebKey{Key: key, KeyID: t.keys.Keys[0].KeyID, Algorithm: string(jose.ES256)}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: private}, nil)
	t.signer = signer
	return t, err
}

// keyID names a key by the hash of its encoding, as Kubernetes does.
func keyID(key crypto.PublicKey) (string, error) {
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(der)
	return base64.RawURLEncoding.EncodeToString(sum[:]), nil
}

// claims are a token's content, as Kubernetes lays it out.
type claims struct {
	jwt.Claims
	Private privateClaims `json:"kubernetes.io"`
}

type privateClaims struct {
	Namespace      string `json:"namespace"`
	ServiceAccount bound  `json:"serviceaccount"`
	Pod            *bound `json:"pod,omitempty"`
	Node           *bound `json:"node,omitempty"`
	Secret         *bound `json:"secret,omitempty"`
}

// bound is an object that a token ends with.
type bound struct {
	Name string `json:"name"`
	UID  string `json:"uid"`
}

func (t *Tokens) sign(private privateClaims, audiences []string, lifetime time.Duration) (token string, expiry time.Time, err error) {
	now := t.now()
	expiry = now.Add(lifetime).Truncate(time.Second)
	c := claims{
		Claims: jwt.Claims{
			Issuer: t.issuer, Subject: accountName(private.Namespace, private.ServiceAccount.Name), ID: uuid.NewString(),
			Audience: audiences, IssuedAt: jwt.NewNumericDate(now), NotBefore: jwt.NewNumericDate(now), Expiry: jwt.NewNumericDate(expiry),
		},
		Private: private,
	}
	token, err = jwt.Signed(t.signer).Claims(c).Serialize()
	return token, expiry, err
}

// Authenticate is the user of a token and those of the audiences that the token is for; nil
// audiences are the gateway's own. An error says what is wrong with the token, and is not for its sender.
func (t *Tokens) Authenticate(token string, audiences []string) (kind.User, []string, error) {
	if audiences == nil {
		audiences = t.audiences
	}
	if parts := bootstrapToken.FindStringSubmatch(token); t.Bootstrap && parts != nil {
		user, err := t.bootstrap(parts[1], parts[2])
		if err != nil {
			return kind.User{}, nil, err
		}
		return among(user, t.audiences, audiences)
	}
	c, err := t.verify(token)
	if err != nil {
		return kind.User{}, nil, err
	}
	if err := t.current(c); err != nil {
		return kind.User{}, nil, err
	}
	return among(c.user(), c.Audience, audiences)
}

// among is a user with those of the wanted audiences that their token is for; with none they are not authenticated.
func among(user kind.User, have, want []string) (kind.User, []string, error) {
	var common []string
	for _, audience := range want {
		if slices.Contains(have, audience) {
			common = append(common, audience)
		}
	}
	if len(common) == 0 {
		return kind.User{}, nil, fmt.Errorf("token audiences %q is invalid for the target audiences %q", have, want)
	}
	return user, common, nil
}

// verify checks a token's signature and issuer, which stay good once they are.
func (t *Tokens) verify(token string) (*claims, error) {
	key := sha256.Sum256([]byte(token))
	if c, ok := t.verified.get(key); ok {
		return c, nil
	}
	parsed, err := jwt.ParseSigned(token, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		return nil, err
	}
	c := &claims{}
	if err := parsed.Claims(&t.keys, c); err != nil {
		return nil, err
	}
	if c.Issuer != t.issuer {
		return nil, fmt.Errorf("issuer is %q, want %q", c.Issuer, t.issuer)
	}
	if c.Expiry == nil {
		return nil, errors.New("the token never expires")
	}
	if c.Subject != accountName(c.Private.Namespace, c.Private.ServiceAccount.Name) {
		return nil, fmt.Errorf("subject %q is not service account %s/%s", c.Subject, c.Private.Namespace, c.Private.ServiceAccount.Name)
	}
	t.verified.put(key, c)
	return c, nil
}

func (c *claims) user() kind.User {
	p := &c.Private
	name := accountName(p.Namespace, p.ServiceAccount.Name)
	user := kind.User{
		Name: name, UID: p.ServiceAccount.UID, Groups: append(accountGroups(name), groupAuthenticated),
		Extra: map[string][]string{extraCredentialID: {"JTI=" + c.ID}},
	}
	if p.Pod != nil {
		user.Extra[extraPodName], user.Extra[extraPodUID] = []string{p.Pod.Name}, []string{p.Pod.UID}
	}
	if p.Node != nil {
		user.Extra[extraNodeName] = []string{p.Node.Name}
		if p.Node.UID != "" {
			user.Extra[extraNodeUID] = []string{p.Node.UID}
		}
	}
	return user
}
