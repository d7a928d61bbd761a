// Package dns answers cluster names from a fold of services and endpoint slices, with
// CoreDNS as the server around it.
package dns
