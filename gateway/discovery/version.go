package discovery

import (
	"runtime"
	"runtime/debug"

	apiversion "k8s.io/apimachinery/pkg/version"
)

// Compatible is the Kubernetes release that the API is of.
const Compatible = "v1.37.2"

// DefaultVersion is Compatible, of this build.
func DefaultVersion() apiversion.Info {
	info := apiversion.Info{
		Major: "1", Minor: "37", GitVersion: Compatible + "+taffrail", GitTreeState: "clean",
		GoVersion: runtime.Version(), Compiler: runtime.Compiler, Platform: runtime.GOOS + "/" + runtime.GOARCH,
	}
	build, ok := debug.ReadBuildInfo()
	if !ok {
		return info
	}
	for _, setting := range build.Settings {
		switch {
		case setting.Key == "vcs.revision":
			info.GitCommit = setting.Value
		case setting.Key == "vcs.time":
			info.BuildDate = setting.Value
		case setting.Key == "vcs.modified" && setting.Value == "true":
			info.GitTreeState = "dirty"
		}
	}
	return info
}
