// Package command answers the commands of services and node agents: the second front of the
// path that HTTP requests take.
package command
