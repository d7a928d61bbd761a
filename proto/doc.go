// Package proto is Taffrail's wire contract: the journal's events, the commands
// that services send to the gateway, and what a node is told. The .proto files
// are the source; gen/ is generated from them by `make generate`.
package proto
