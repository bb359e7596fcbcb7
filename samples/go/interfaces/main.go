// Interfaces lists the machine's network interfaces and their addresses.
package main

import (
	"fmt"
	"net"
	"sort"
)

func main() {
	interfaces, err := net.Interfaces()
	fmt.Println(len(interfaces), err)
	sort.Slice(interfaces, func(a, b int) bool { return interfaces[a].Name < interfaces[b].Name })
	for _, each := range interfaces {
		kept := each.Flags & (net.FlagUp | net.FlagLoopback | net.FlagPointToPoint | net.FlagMulticast)
		fmt.Println(each.Index, each.Name, each.MTU, each.HardwareAddr, kept)
		addresses, err := each.Addrs()
		var words []string
		for _, address := range addresses {
			words = append(words, address.String())
		}
		sort.Strings(words)
		fmt.Println(words, err)
		same, err := net.InterfaceByIndex(each.Index)
		fmt.Println(err == nil && same.Name == each.Name)
	}
	_, err = net.InterfaceByName("nosuch0")
	fmt.Println(err)
}
