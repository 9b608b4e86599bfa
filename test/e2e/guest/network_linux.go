package main

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
	"time"
)

// network tries to reach the listed addresses, which are HOST:PORT or the name
// of a unix socket, and looks for a way out.
func network(addresses string) error {
	var a attempts
	for _, address := range strings.Split(addresses, ",") {
		kind := "tcp"
		if strings.HasPrefix(address, "@") || strings.HasPrefix(address, "/") {
			kind = "unix"
		}
		c, err := net.DialTimeout(kind, address, 2*time.Second)
		a.refused("dial "+address, err)
		if err == nil {
			c.Close()
		}
	}
	interfaces, err := net.Interfaces()
	if err != nil {
		return err
	}
	for _, i := range interfaces {
		if i.Flags&net.FlagLoopback == 0 && i.Flags&net.FlagUp != 0 {
			a.reach("the interface " + i.Name)
		}
	}
	for name, s := range map[string][3]int{
		"icmp":   {syscall.AF_INET, syscall.SOCK_RAW, syscall.IPPROTO_ICMP},
		"raw":    {syscall.AF_INET, syscall.SOCK_RAW, syscall.IPPROTO_RAW},
		"packet": {syscall.AF_PACKET, syscall.SOCK_RAW, 0x0300},
	} {
		fd, err := syscall.Socket(s[0], s[1], s[2])
		a.refused("a socket for "+name, err)
		if err == nil {
			_ = syscall.Close(fd)
		}
	}
	fmt.Println(len(interfaces), "interfaces")
	return a.verdict()
}

// listen accepts connections, which it says in a line each: what the tests
// start in a namespace of theirs for the others to be kept from.
func listen(address string) error {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	fmt.Println("listening")
	for {
		c, err := l.Accept()
		if err != nil {
			return err
		}
		fmt.Println("connection from", c.RemoteAddr())
		c.Close()
	}
}

// proxied tries to reach the listed addresses by the way to the internet that
// the worker gives. None of them is on the internet.
func proxied(addresses string) error {
	var a attempts
	for _, address := range strings.Split(addresses, ",") {
		for _, request := range []string{"GET http://" + address + "/ HTTP/1.1", "CONNECT " + address + " HTTP/1.1"} {
			a.refused(request, ask(request+"\r\nHost: "+address+"\r\nConnection: close\r\n\r\n"))
		}
	}
	return errors.Join(a.verdict(), network(addresses))
}

// ask sends a request to the proxy of the environment. Its refusal is the error.
func ask(request string) error {
	proxy := strings.TrimPrefix(os.Getenv("HTTP_PROXY"), "http://")
	c, err := net.DialTimeout("tcp", strings.TrimSuffix(proxy, "/"), 5*time.Second)
	if err != nil {
		return fmt.Errorf("there is no proxy %q: %w", proxy, err)
	}
	defer c.Close()
	if _, err := c.Write([]byte(request)); err != nil {
		return err
	}
	status, err := bufio.NewReader(c).ReadString('\n')
	if err != nil {
		return err
	}
	if !strings.Contains(status, " 403 ") {
		fmt.Println("the proxy says", status)
		return nil
	}
	return errors.New(strings.TrimSpace(status))
}
