// Package report tells the gateway what the node agent sees: the node itself and
// its lease, the status of each pod, and Events for people. All of it goes as commands.
package report
