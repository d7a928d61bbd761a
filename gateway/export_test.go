package gateway

import (
	"context"
	"time"
)

// KeepFlowOnce is one look of KeepFlow.
func (g *Gateway) KeepFlowOnce(ctx context.Context) error { return g.keepFlow(ctx, time.Now()) }
