package netlab

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

const (
	// vnetHeader is struct virtio_net_hdr. It stays before every packet, unread, from one
	// device to the other: with it TCP hands over up to 64 KiB at once, and leaves
	// checksums to whoever needs them, as on a veth pair.
	vnetHeader = 10
	maxPacket  = vnetHeader + 1<<16
	// tunQueue is how many packets the kernel keeps for a box that has no processor
	// just now.
	tunQueue = 10_000
)

// openTUN makes a TUN device in a namespace, which ends with the file.
func openTUN(s space, name string) (*os.File, error) {
	var fd int
	err := s.inside(func() (err error) {
		if fd, err = unix.Open(tunDevice, unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0); err != nil {
			return fmt.Errorf("open %s: %w", tunDevice, err)
		}
		request, err := unix.NewIfreq(name)
		if err != nil {
			return err
		}
		request.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI | unix.IFF_VNET_HDR)
		if err = unix.IoctlIfreq(fd, unix.TUNSETIFF, request); err == nil {
			err = unix.IoctlSetInt(fd, unix.TUNSETOFFLOAD, unix.TUN_F_CSUM|unix.TUN_F_TSO4|unix.TUN_F_TSO6)
		}
		if err != nil {
			return fmt.Errorf("make the TUN device %s: %w", name, err)
		}
		return nil
	})
	if err != nil {
		if fd > 0 {
			_ = unix.Close(fd)
		}
		return nil, err
	}
	return os.NewFile(uintptr(fd), name), nil
}
