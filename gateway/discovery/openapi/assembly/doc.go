// Package assembly makes the OpenAPI documents of the gateway's kinds: of the types' definitions, which
// Kubernetes' own generator wrote once (zz_definitions.json.gz), and of the paths that each kind has. It
// runs when code is generated and in tests; the gateway serves what it made.
package assembly
