package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/edgematrix/emc/pkg/image"
	"github.com/edgematrix/emc/test/e2e/rig"
	"github.com/edgematrix/emc/worker/runtime"
	"github.com/edgematrix/emc/worker/runtime/docker"
)

// dockerStarts is how often a start is timed.
const dockerStarts = 30

// dockerFigures times the smallest program in a container: from the call of
// the runtime until its first line, and the whole run against a container
// without any of our hardening, through the same Engine in turns.
func dockerFigures(bin string) (figures []Figure, err error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	b := rig.Binaries(bin)
	if err := b.Check(); err != nil {
		return nil, err
	}
	engine, err := dockerEngine(ctx)
	if err != nil {
		fmt.Printf("  skipped: no Docker Engine answers: %v\n", err)
		return nil, nil
	}
	defer engine.Close()
	dir, err := os.MkdirTemp("", "emc-bench-docker-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	artifact, digest, err := packHello(ctx, dir)
	if err != nil {
		return nil, err
	}
	worker, err := filepath.Abs(b.Worker())
	if err != nil {
		return nil, err
	}
	r, err := docker.New(docker.Config{
		Owner: "emc-bench", StateDir: filepath.Join(dir, "state"), Executable: worker, ChildArgs: []string{"docker-child"},
		Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return nil, err
	}
	tag := "emc-app:" + digest // as the runtime names what it loads
	defer func() {
		_, e := engine.ImageRemove(context.WithoutCancel(ctx), tag, client.ImageRemoveOptions{PruneChildren: true})
		err = errors.Join(err, e)
	}()
	var starts, hardened, plain []time.Duration
	for i := range dockerStarts + 1 {
		start, whole, err := timeHardened(ctx, r, artifact, digest, filepath.Join(dir, fmt.Sprint("run", i)))
		if err != nil {
			return nil, err
		}
		bare, err := timePlain(ctx, engine, tag)
		if err != nil {
			return nil, err
		}
		if i > 0 { // the first brings the image to the Engine
			starts, hardened, plain = append(starts, start), append(hardened, whole), append(plain, bare)
		}
	}
	cycle, bare := median(seconds(hardened)), median(seconds(plain))
	fmt.Printf("  a whole run takes %.0f ms, a plain container %.0f ms\n", cycle*1000, bare*1000)
	return []Figure{
		{Name: "docker.start_ms", Value: median(seconds(starts)) * 1000, Unit: "ms", Goal: "<= 500"},
		{Name: "docker.hardened_vs_plain", Value: cycle / bare, Unit: "ratio", Goal: "<= 2"},
	}, nil
}

// dockerEngine returns the Engine that the worker would use, if it answers.
func dockerEngine(ctx context.Context) (*client.Client, error) {
	host := os.Getenv("DOCKER_HOST")
	if host == "" {
		host = client.DefaultDockerHost
	}
	engine, err := client.New(client.WithHost(host))
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if _, err := engine.Ping(ctx, client.PingOptions{}); err != nil {
		return nil, errors.Join(err, engine.Close())
	}
	return engine, nil
}

// packHello makes the image of the smallest program.
func packHello(ctx context.Context, dir string) (artifact, digest string, err error) {
	program := filepath.Join(dir, "hello")
	if err := rig.GoBuild(ctx, ".", program, "./test/bench/hello"); err != nil {
		return "", "", err
	}
	m, err := image.Executable(program, "/hello")
	if err != nil {
		return "", "", err
	}
	artifact = filepath.Join(dir, "hello.tar")
	f, err := os.Create(artifact)
	if err != nil {
		return "", "", err
	}
	if _, err := image.Write(f, m); err != nil {
		return "", "", errors.Join(err, f.Close())
	}
	if err := f.Close(); err != nil {
		return "", "", err
	}
	digest, err = rig.Digest(artifact)
	return artifact, digest, err
}

// timeHardened runs the program as a customer's job.
func timeHardened(ctx context.Context, r *docker.Runtime, artifact, digest, out string) (start, whole time.Duration, err error) {
	first := &firstWrite{}
	begin := time.Now()
	result, err := r.Run(ctx, runtime.Task{
		ID: "bench", Artifact: artifact, ArtifactSHA256: digest, OutputDir: out, Log: first,
		Limits: runtime.Limits{Duration: 2 * time.Minute, MemoryBytes: 256 << 20, OutputBytes: 1 << 20, OutputFiles: 10, LogBytes: 1 << 20},
	})
	whole = time.Since(begin)
	switch {
	case err != nil:
		return 0, 0, err
	case result.Reason != runtime.ReasonExited || result.ExitCode != 0:
		return 0, 0, fmt.Errorf("the program ended with %s, %d: %s\n%s", result.Reason, result.ExitCode, result.Message, first.text.String())
	case first.text.String() != "hello\n":
		return 0, 0, fmt.Errorf("the program said %q", first.text.String())
	}
	return first.at.Sub(begin), whole, nil
}

// timePlain runs the program in a container as the Engine makes it when nothing
// is asked for, without a network as ours.
func timePlain(ctx context.Context, engine *client.Client, tag string) (time.Duration, error) {
	begin := time.Now()
	made, err := engine.ContainerCreate(ctx, client.ContainerCreateOptions{
		Config:     &container.Config{Image: tag},
		HostConfig: &container.HostConfig{NetworkMode: "none"},
	})
	if err != nil {
		return 0, err
	}
	remove := func() error {
		_, err := engine.ContainerRemove(context.WithoutCancel(ctx), made.ID, client.ContainerRemoveOptions{Force: true})
		return err
	}
	end := engine.ContainerWait(ctx, made.ID, client.ContainerWaitOptions{Condition: container.WaitConditionNextExit})
	if _, err := engine.ContainerStart(ctx, made.ID, client.ContainerStartOptions{}); err != nil {
		return 0, errors.Join(err, remove())
	}
	select {
	case r := <-end.Result:
		if r.StatusCode != 0 {
			err = fmt.Errorf("the plain container ended with %d", r.StatusCode)
		}
	case err = <-end.Error:
	}
	if err := errors.Join(err, remove()); err != nil {
		return 0, err
	}
	return time.Since(begin), nil
}
