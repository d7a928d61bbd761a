package access

import (
	"encoding/base64"
	"unicode/utf8"
)

const websocketBearer = "base64url.bearer.authorization.k8s.io."

func decodeWebsocketBearer(encoded string) (string, bool) {
	if len(encoded) > 2*maxCredentialLength {
		return "", false
	}
	token, err := base64.RawURLEncoding.DecodeString(encoded)
	if err != nil || len(token) == 0 || !utf8.Valid(token) {
		return "", false
	}
	return string(token), true
}
