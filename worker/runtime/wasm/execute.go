package wasm

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/experimental"
	"github.com/tetratelabs/wazero/experimental/sysfs"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"
	"github.com/tetratelabs/wazero/sys"

	"github.com/edgematrix/emc/worker/runtime"
)

// programName is argv[0] of every program.
const programName = "app"

// execute runs the program to its end.
func execute(ctx context.Context, j job, program compiled, rep *reporter) (v verdict) {
	if _, ok := program.module.ExportedFunctions()["_start"]; !ok {
		return badProgram(errors.New("it exports no function _start; build it as a command, not as a library"))
	}
	if _, err := wasi_snapshot_preview1.Instantiate(ctx, program.runtime); err != nil {
		return internalFault("the system interface is missing", err)
	}
	if err := checkImports(program); err != nil {
		return badProgram(err)
	}
	log := &logWriter{w: os.NewFile(fdLog, "log"), left: j.Limits.LogBytes + 1}
	stdin, stdout := io.Reader(strings.NewReader("")), io.Writer(log)
	if j.Service {
		// Plain readers and writers: wazero would ask files for more.
		stdin, stdout = struct{ io.Reader }{os.NewFile(fdStdin, "stdin")}, struct{ io.Writer }{os.NewFile(fdStdout, "stdout")}
	}
	config, err := moduleConfig(j, stdin, stdout, log, rep.abort)
	if err != nil {
		return internalFault("its file systems cannot be made", err)
	}
	memory := newMemoryLimiter(j.Limits.MemoryBytes)
	if err := fence(j); err != nil {
		return internalFault("the process cannot be fenced in", err)
	}

	defer func() {
		// wazero recovers panics of the program's calls, but not of the making of its
		// memory, which panics when even the first page is refused.
		if r := recover(); r != nil {
			v = crashed(fmt.Errorf("%v", r), memory, j, log)
		}
	}()
	rep.started()
	_, err = program.runtime.InstantiateModule(experimental.WithMemoryAllocator(ctx, memory), program.module, config)
	return judge(err, memory, j, log)
}

// checkImports names what is missing, before the program is blamed for a crash.
func checkImports(program compiled) error {
	system := program.runtime.Module(wasi_snapshot_preview1.ModuleName).ExportedFunctionDefinitions()
	for _, f := range program.module.ImportedFunctions() {
		module, name, _ := f.Import()
		if module != wasi_snapshot_preview1.ModuleName || system[name] == nil {
			return fmt.Errorf("it imports the function %q from %q; only %s is there", name, module, wasi_snapshot_preview1.ModuleName)
		}
	}
	if len(program.module.ImportedMemories()) > 0 {
		return errors.New("it imports its memory; build it as a command with a memory of its own")
	}
	return nil
}

func moduleConfig(j job, stdin io.Reader, stdout, log io.Writer, abort abortFunc) (wazero.ModuleConfig, error) {
	clock := &clock{}
	fds := &descriptors{}
	in, err := newInFS(j.Inputs, clock, fds, abort)
	if err != nil {
		return nil, err
	}
	host, err := os.OpenRoot(outDirName)
	if err != nil {
		return nil, err
	}
	out := newOutFS(host, j.Limits, clock, fds, abort)

	config := wazero.NewModuleConfig().
		WithName("").
		WithArgs(append([]string{programName}, j.Args...)...).
		WithStdin(stdin).
		WithStdout(stdout).
		WithStderr(log).
		WithRandSource(randomSource(j.ArtifactSHA256)).
		WithWalltime(clock.walltime, sys.ClockResolution(readingNanos)).
		WithNanotime(clock.nanotime, sys.ClockResolution(readingNanos)).
		WithNanosleep(clock.sleep).
		WithOsyield(func() {}).
		WithFSConfig(wazero.NewFSConfig().(sysfs.FSConfig).
			WithSysFSMount(in, runtime.InDir).(sysfs.FSConfig).
			WithSysFSMount(out, runtime.OutDir))
	for _, e := range j.Env {
		key, value, _ := strings.Cut(e, "=")
		config = config.WithEnv(key, value)
	}
	return config, nil
}

// judge turns the end of a program into words.
func judge(err error, memory *memoryLimiter, j job, log io.Writer) verdict {
	if err == nil {
		return verdict{reason: runtime.ReasonExited, message: "the program ended normally"}
	}
	var exit *sys.ExitError
	if !errors.As(err, &exit) {
		return crashed(err, memory, j, log)
	}
	code := int(exit.ExitCode())
	switch {
	case code == 0:
		return judge(nil, memory, j, log)
	case memory.refused:
		return outOfMemory(code, j)
	}
	return verdict{
		reason:   runtime.ReasonExited,
		exitCode: code,
		message:  fmt.Sprintf("the program ended with exit code %d; its log may say why", code),
	}
}

func crashed(err error, memory *memoryLimiter, j job, log io.Writer) verdict {
	if memory.refused {
		return outOfMemory(runtime.CrashExitCode, j)
	}
	// The trace names the program's own functions: it is for the customer's log.
	fmt.Fprintf(log, "\n%v\n", err)
	cause, _, _ := strings.Cut(err.Error(), "\n")
	// wazero begins with the names of module and function: always _start.
	if _, after, ok := strings.Cut(cause, " failed: "); ok {
		cause = after
	}
	return verdict{
		reason:   runtime.ReasonExited,
		exitCode: runtime.CrashExitCode,
		message:  "the program crashed: " + clip(strings.TrimPrefix(cause, "wasm error: "), 500),
		detail:   err.Error(),
	}
}

func outOfMemory(code int, j job) verdict {
	return verdict{
		reason:   runtime.ReasonMemory,
		exitCode: code,
		message:  fmt.Sprintf("the program needed more than its memory limit of %d bytes", j.Limits.MemoryBytes),
	}
}

func badProgram(err error) verdict {
	return verdict{
		reason:   runtime.ReasonExited,
		exitCode: runtime.CrashExitCode,
		message:  "the program is not one that this runtime can run: " + clip(err.Error(), 500),
	}
}
