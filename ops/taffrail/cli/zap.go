package cli

import (
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"k8s.io/klog/v2"
)

// newLog is the log of a running process: one JSON object a line, on standard error.
// What Kubernetes' libraries log, mostly of clients that leave, is for debugging.
func newLog() (*zap.Logger, error) {
	c := zap.NewProductionConfig()
	c.EncoderConfig.TimeKey, c.EncoderConfig.EncodeTime = "time", zapcore.RFC3339NanoTimeEncoder
	c.DisableStacktrace, c.DisableCaller = true, true
	log, err := c.Build()
	if err != nil {
		return nil, err
	}
	lines, err := zap.NewStdLogAt(log.Named("kubernetes"), zap.DebugLevel)
	if err != nil {
		return nil, err
	}
	klog.LogToStderr(false)
	klog.SetOutput(lines.Writer())
	return log, nil
}
