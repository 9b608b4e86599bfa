package wasm

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
)

const lockSuffix = ".lock"

// compiled is a program ready to run. Closing the runtime closes it too.
type compiled struct {
	runtime wazero.Runtime
	module  wazero.CompiledModule
	fresh   bool // compiled now, not taken from the cache
}

// compile turns code into native code, through the cache if cacheDir is given.
// No state of the cache makes it fail: what cannot be used is compiled again.
func compile(ctx context.Context, code []byte, sha256, cacheDir string) (compiled, error) {
	if cacheDir == "" {
		return compileWith(ctx, code, nil)
	}
	cache := codeCache{filepath.Join(cacheDir, sha256)}
	unlock, err := lock(cache.dir + lockSuffix)
	if err != nil {
		return compileWith(ctx, code, nil)
	}
	defer unlock()

	warm := cache.intact()
	if !warm && cache.wipe() != nil {
		return compileWith(ctx, code, nil)
	}
	files, err := wazero.NewCompilationCacheWithDir(cache.dir)
	if err != nil {
		return compileWith(ctx, code, nil)
	}
	c, err := compileWith(ctx, code, files)
	if err != nil {
		// Either the program is broken, or the cache is: a full disk, an entry that
		// wazero does not like. The program alone decides.
		_ = cache.wipe()
		return compileWith(ctx, code, nil)
	}
	if c.fresh = !warm; c.fresh && cache.seal() != nil {
		_ = cache.wipe()
	}
	cache.touch()
	return c, nil
}

func compileWith(ctx context.Context, code []byte, cache wazero.CompilationCache) (c compiled, err error) {
	// A compiler is a large program that reads hostile input.
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the compiler gave up: %v", r)
		}
	}()
	config := wazero.NewRuntimeConfigCompiler().
		WithCoreFeatures(api.CoreFeaturesV2).
		WithDebugInfoEnabled(false)
	if cache != nil {
		config = config.WithCompilationCache(cache)
	}
	rt := wazero.NewRuntimeWithConfig(ctx, config)
	ctx = experimental.WithCompilationWorkers(ctx, childCores)
	module, err := rt.CompileModule(ctx, code)
	if err != nil {
		return compiled{}, err
	}
	return compiled{runtime: rt, module: module, fresh: true}, nil
}
