package access

import (
	"encoding/json"
	"net/http"

	"github.com/go-jose/go-jose/v4"
)

// Paths by which others check the cluster's tokens.
const (
	PathOIDC = "/.well-known/openid-configuration"
	PathJWKS = "/openid/v1/jwks"
)

// OIDC serves PathOIDC and PathJWKS. The URL of the keys is below issuer.
func (t *Tokens) OIDC() (http.Handler, error) {
	configuration, err := json.Marshal(map[string]any{
		"issuer": t.issuer, "jwks_uri": t.issuer + PathJWKS,
		"response_types_supported":              []string{"id_token"},
		"subject_types_supported":               []string{"public"},
		"id_token_signing_alg_values_supported": []string{string(jose.ES256)},
	})
	if err != nil {
		return nil, err
	}
	keys, err := json.Marshal(t.keys)
	if err != nil {
		return nil, err
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "public, max-age=3600")
		switch r.URL.Path {
		case PathOIDC:
			serve(w, "application/json", configuration)
		case PathJWKS:
			serve(w, "application/jwk-set+json", keys)
		default:
			http.NotFound(w, r)
		}
	}), nil
}

func serve(w http.ResponseWriter, contentType string, body []byte) {
	w.Header().Set("Content-Type", contentType)
	_, _ = w.Write(body)
}
