// Package flow is the order at the gateway's door: who may enter now, who waits and who is sent away.
package flow
