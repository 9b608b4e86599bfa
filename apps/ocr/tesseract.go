package main

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
)

// died is the error of a Tesseract that a signal ended.
type died struct{ signal syscall.Signal }

func (d died) Error() string {
	if d.signal == syscall.SIGKILL {
		return "Tesseract was killed, most likely for want of memory; give the job more, or send smaller pages"
	}
	return fmt.Sprintf("Tesseract crashed (%v)", d.signal)
}

func exitCode(err error) int {
	var d died
	if errors.As(err, &d) {
		return 128 + int(d.signal)
	}
	return exitInput
}

// read has Tesseract write base.txt and base.tsv for one page.
func (s settings) read(img image.Image, dpi int, base string) error {
	args := []string{"stdin", base, "-l", "eng", "--oem", "1", "--psm", strconv.Itoa(s.segmentation)}
	if dpi > 0 {
		args = append(args, "--dpi", strconv.Itoa(dpi))
	}
	for _, variable := range []string{
		"tessedit_create_txt=1", "tessedit_create_tsv=1",
		"page_separator=", // one page a file needs no form feed
	} {
		args = append(args, "-c", variable)
	}
	cmd := exec.Command(s.tesseract, args...)
	cmd.Env = []string{
		"OMP_THREAD_LIMIT=1", "LC_ALL=C", "HOME=/tmp", "TESSDATA_PREFIX=" + s.model,
		// The C library picks exp and its kin by processor, and they may differ in
		// the last digit. Tesseract picks its matrix product too, but that is in
		// integers. (Its variable dotproduct is no way to pin it: set on the command
		// line it comes after the model was loaded for another one, and the result
		// is garbage.)
		"GLIBC_TUNABLES=glibc.cpu.hwcaps=-AVX2,-FMA,-FMA4",
	}
	var said tail
	cmd.Stdout, cmd.Stderr = &said, &said
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("starting Tesseract: %w", err)
	}
	writing := writePNM(stdin, img)
	if err := stdin.Close(); writing == nil {
		writing = err
	}
	// How Tesseract ended says more than the pipe that it left behind.
	if err := cmd.Wait(); err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() {
				return died{status.Signal()}
			}
		}
		return fmt.Errorf("reading failed: Tesseract: %w: %s", err, said.String())
	}
	// Before the pipe's error: a Tesseract that cannot create a file leaves early.
	if err := written(base+".txt", base+".tsv"); err != nil {
		return err
	}
	if writing != nil {
		return fmt.Errorf("handing the page to Tesseract: %w", writing)
	}
	return nil
}

// tail keeps the last bytes of what a program says.
type tail struct{ bytes.Buffer }

func (t *tail) Write(p []byte) (int, error) {
	const most = 2 << 10
	n := len(p)
	if len(p) > most {
		p = p[len(p)-most:]
	}
	if over := t.Len() + len(p) - most; over > 0 {
		t.Next(over)
	}
	t.Buffer.Write(p)
	return n, nil
}

func (t *tail) String() string {
	return strings.Join(strings.Fields(strings.ToValidUTF8(t.Buffer.String(), "?")), " ")
}
