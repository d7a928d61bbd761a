// Package gateway is the only door: it takes requests over HTTPS and commands over
// NATS, decides, appends to the journal, and answers from views folded from it.
package gateway
