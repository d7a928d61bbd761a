package runtime

// PauseRoot is for the test of the pause program.
var PauseRoot = pauseRoot
