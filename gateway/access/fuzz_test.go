package access

import "testing"

// A bearer token in a subprotocol is refused or decoded.
func FuzzWebsocketBearer(f *testing.F) {
	f.Add("dG9rZW4")
	f.Fuzz(func(_ *testing.T, text string) { _, _ = decodeWebsocketBearer(text) })
}
