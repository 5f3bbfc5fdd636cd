package emulator

import "syscall"

// endWithParent ends the launcher when the test binary dies without a chance to stop it.
func endWithParent(a *syscall.SysProcAttr) { a.Pdeathsig = syscall.SIGKILL }
