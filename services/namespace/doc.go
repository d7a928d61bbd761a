// Package namespace empties namespaces that are being deleted: its pods first, gracefully, then
// everything else; when nothing is left it lets the namespace go.
package namespace
