// Sockets talks over TCP, UDP and unix sockets of both address families, with options, deadlines and errors.
package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

func check(err error) {
	if err != nil {
		panic(err)
	}
}

// steady removes what differs from run to run from an error's words.
func steady(err error, changing ...string) string {
	text := fmt.Sprint(err)
	for _, each := range changing {
		text = strings.ReplaceAll(text, each, "…")
	}
	return text
}

func stream(network, address string) {
	listener, err := net.Listen(network, address)
	if err != nil {
		fmt.Println(network, "unavailable")
		return
	}
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer connection.Close()
				lines := bufio.NewScanner(connection)
				for lines.Scan() {
					fmt.Fprintln(connection, strings.ToUpper(lines.Text()))
				}
			}()
		}
	}()
	var group sync.WaitGroup
	answers := make([]string, 50)
	for number := range answers {
		group.Add(1)
		go func() {
			defer group.Done()
			connection, err := net.Dial(network, listener.Addr().String())
			check(err)
			defer connection.Close()
			fmt.Fprintf(connection, "hello %d\n", number)
			answers[number], err = bufio.NewReader(connection).ReadString('\n')
			check(err)
		}()
	}
	group.Wait()
	fmt.Printf("%s %q %q\n", network, answers[0], answers[49])

	connection, err := net.Dial(network, listener.Addr().String())
	check(err)
	check(connection.SetReadDeadline(time.Now().Add(20 * time.Millisecond)))
	_, err = connection.Read(make([]byte, 1))
	fmt.Println(network, errors.Is(err, os.ErrDeadlineExceeded))
	if half, ok := connection.(interface{ CloseWrite() error }); ok {
		check(connection.SetReadDeadline(time.Time{}))
		check(half.CloseWrite())
		rest, err := io.ReadAll(connection)
		fmt.Println(network, len(rest), err)
	}
	if tcp, ok := connection.(*net.TCPConn); ok {
		fmt.Println(tcp.SetNoDelay(true), tcp.SetKeepAlive(true), tcp.SetKeepAlivePeriod(time.Minute),
			tcp.SetLinger(0), tcp.SetReadBuffer(65536), tcp.SetWriteBuffer(65536))
		raw, err := tcp.SyscallConn()
		check(err)
		check(raw.Control(func(descriptor uintptr) {
			value, err := syscall.GetsockoptInt(int(descriptor), syscall.IPPROTO_TCP, syscall.TCP_NODELAY)
			fmt.Println("no delay", value != 0, err)
			value, err = syscall.GetsockoptInt(int(descriptor), syscall.SOL_SOCKET, syscall.SO_TYPE)
			fmt.Println("type", value, err)
			value, err = syscall.GetsockoptInt(int(descriptor), syscall.SOL_SOCKET, syscall.SO_ERROR)
			fmt.Println("error", value, err)
		}))
	}
	check(connection.Close())
	_, err = net.Listen(network, listener.Addr().String())
	fmt.Println(steady(err, listener.Addr().String()))
	where := listener.Addr().String()
	check(listener.Close())
	_, err = net.Dial(network, where)
	fmt.Println(steady(err, where))
}

func datagrams(network, address string) {
	server, err := net.ListenPacket(network, address)
	if err != nil {
		fmt.Println(network, "unavailable")
		return
	}
	defer server.Close()
	go func() {
		buffer := make([]byte, 2000)
		for {
			count, from, err := server.ReadFrom(buffer)
			if err != nil {
				return
			}
			server.WriteTo(append([]byte("re: "), buffer[:count]...), from)
		}
	}()
	client, err := net.Dial(network, server.LocalAddr().String())
	check(err)
	defer client.Close()
	buffer := make([]byte, 2000)
	for _, size := range []int{0, 1, 1200} {
		_, err = client.Write(make([]byte, size))
		check(err)
		check(client.SetReadDeadline(time.Now().Add(5 * time.Second)))
		count, err := client.Read(buffer)
		fmt.Println(network, size, count, err)
	}
	if udp, ok := client.(*net.UDPConn); ok {
		_, err = udp.Write(make([]byte, 70000))
		fmt.Println("too long", errors.Is(err, syscall.EMSGSIZE))
	}
}

func passing(folder string) {
	path := filepath.Join(folder, "passing")
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	check(err)
	go func() {
		connection, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: path, Net: "unix"})
		check(err)
		reader, writer, err := os.Pipe()
		check(err)
		rights := syscall.UnixRights(int(reader.Fd()), int(writer.Fd()))
		_, _, err = connection.WriteMsgUnix([]byte("two descriptors"), rights, nil)
		check(err)
		check(connection.Close())
	}()
	connection, err := listener.AcceptUnix()
	check(err)
	data, control := make([]byte, 100), make([]byte, 100)
	count, controls, _, _, err := connection.ReadMsgUnix(data, control)
	check(err)
	messages, err := syscall.ParseSocketControlMessage(control[:controls])
	check(err)
	descriptors, err := syscall.ParseUnixRights(&messages[0])
	check(err)
	fmt.Println(string(data[:count]), len(messages), len(descriptors))
	_, err = syscall.Write(descriptors[1], []byte("through a passed pipe"))
	check(err)
	count, err = syscall.Read(descriptors[0], data)
	fmt.Println(string(data[:count]), err)
	check(listener.Close())
}

func main() {
	folder, err := os.MkdirTemp("", "sockets")
	check(err)
	defer os.RemoveAll(folder)
	check(os.Chdir(folder))
	stream("tcp4", "127.0.0.1:0")
	stream("tcp6", "[::1]:0")
	stream("unix", "stream")
	datagrams("udp4", "127.0.0.1:0")
	datagrams("udp6", "[::1]:0")
	passing(folder)

	pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	check(err)
	_, err = syscall.Write(pair[0], []byte("pair"))
	check(err)
	buffer := make([]byte, 10)
	count, err := syscall.Read(pair[1], buffer)
	fmt.Println(string(buffer[:count]), err)
	check(syscall.Shutdown(pair[0], syscall.SHUT_WR))
	count, err = syscall.Read(pair[1], buffer)
	fmt.Println(count, err)
	_, err = syscall.Getpeername(pair[0])
	fmt.Println(err)
	_, err = syscall.Socket(syscall.AF_INET, 77, 0)
	fmt.Println(err != nil)
	_, err = syscall.Getpeername(0)
	fmt.Println(err)

	four, six := net.Pipe()
	go four.Write([]byte("in memory"))
	count, err = six.Read(buffer[:9])
	fmt.Println(string(buffer[:count]), err)
	dual, err := net.Listen("tcp", ":0")
	check(err)
	go func() {
		connection, err := net.Dial("tcp", fmt.Sprint("127.0.0.1:", dual.Addr().(*net.TCPAddr).Port))
		check(err)
		connection.Write([]byte("v4 to dual"))
		connection.Close()
	}()
	connection, err := dual.Accept()
	check(err)
	text, err := io.ReadAll(connection)
	fmt.Println(string(text), connection.RemoteAddr().(*net.TCPAddr).IP, err)
	multicast, err := net.ListenPacket("udp4", "127.0.0.1:0")
	check(err)
	raw, err := multicast.(*net.UDPConn).SyscallConn()
	check(err)
	check(raw.Control(func(descriptor uintptr) {
		fmt.Println(syscall.SetsockoptInt(int(descriptor), syscall.SOL_SOCKET, syscall.SO_BROADCAST, 1))
		value, err := syscall.GetsockoptInt(int(descriptor), syscall.SOL_SOCKET, syscall.SO_BROADCAST)
		fmt.Println(value != 0, err)
		fmt.Println(syscall.SetsockoptInt(int(descriptor), syscall.IPPROTO_IP, syscall.IP_TTL, 12))
		value, err = syscall.GetsockoptInt(int(descriptor), syscall.IPPROTO_IP, syscall.IP_TTL)
		fmt.Println(value, err)
	}))
	addresses, err := net.LookupHost("localhost")
	fmt.Println(len(addresses) > 0, err)
}
