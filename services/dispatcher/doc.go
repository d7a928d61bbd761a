// Package dispatcher tells every node what it has to know, and no more: its own
// pods, the configuration and secrets that these name, and what all nodes need to route
// Services.
//
// It folds the journal, compares what each node should know with what ASSIGN holds, and
// publishes the difference. ASSIGN is derived: whatever is lost there is stated again.
package dispatcher
