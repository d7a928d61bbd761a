// Package cluster tests whole control planes as processes: killed, restarted,
// filled up.
package cluster
