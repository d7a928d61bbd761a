package cli

import (
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// newLog is the log of a running process: one JSON object a line, on standard error.
func newLog() (*zap.Logger, error) {
	c := zap.NewProductionConfig()
	c.EncoderConfig.TimeKey, c.EncoderConfig.EncodeTime = "time", zapcore.RFC3339NanoTimeEncoder
	c.DisableStacktrace, c.DisableCaller = true, true
	return c.Build()
}
