/// Interfaces: all of them with their addresses, as SIOCGIFCONF tells, and options of IPv6's sockets (RFC 3542).
#include "freebsd.h"

enum {
    SIOCGIFCONF = 0xc0106924, SIOCGIFADDR = 0xc0206921, SIOCGIFDSTADDR = 0xc0206922, SIOCGIFBRDADDR = 0xc0206923,
    SIOCGIFNETMASK = 0xc0206925,
};
enum { AF_LINK = 18, ENXIO = 6 };
struct configuration { int length; char *records; };

static char records[65536];

/// What SIOCGIFCONF tells with so much room: the length, or an error.
static long told(long socket, int room) {
    struct configuration configuration = {room, records};
    long result = SYS(ioctl, socket, SIOCGIFCONF, &configuration);
    return result < 0 ? result : configuration.length;
}

static int size_of(const char *record) { return 16 + (record[16] > 16 ? record[16] : 16); }

static void interfaces(void) {
    long socket = SYS(socket, 2, 2, 0), length = told(socket, sizeof records), file = SYS(open, "/dev/null", 0, 0);
    int loopback = 0, loopback6 = 0, link = 0, whole = 0, at = 0;
    for (; at < length; at += size_of(records + at)) {
        const char *address = records + at + 16;
        if (!same(records + at, "lo", 3)) continue;
        // Its own address first: struct sockaddr_dl, with number, type (IFT_LOOP), and the name's and address's lengths
        if (!loopback && !loopback6 && address[0] == 56 && address[1] == AF_LINK) link = address[4] == 24 && address[5] == 2 && !address[6];
        loopback |= same(address, "\020\002\0\0\177\0\0\1\0\0\0\0\0\0\0\0", 16);
        loopback6 |= same(address, "\034\034\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1", 24);
    }
    holds("whole records", length > 0 && at == length);
    holds("lo's own address, and 127.0.0.1 behind it", link && loopback);
    whole = size_of(records);
    holds("room for one and a half", told(socket, whole + 20) == whole);
    expect("room for none", told(socket, 20), 0);
    expect("no room", told(socket, 0), -EINVAL);
    struct configuration nowhere = {100, (char *)8};
    expect("nowhere", SYS(ioctl, socket, SIOCGIFCONF, &nowhere), -EFAULT);
    expect("of a file", told(file, 100), -ENOTTY);
    SYS(close, socket);
}

/// What belongs to one interface's address of IPv4: struct ifreq.
static void addresses(void) {
    struct { char name[16]; uint8_t length, family; uint16_t port; uint8_t host[12]; } request = {"lo", 0, 0, 0, {0}};
    long socket = SYS(socket, 2, 2, 0);
    expect("SIOCGIFADDR", SYS(ioctl, socket, SIOCGIFADDR, &request), 0);
    holds("127.0.0.1", same((char *)&request + 16, "\020\002\0\0\177\0\0\1", 8));
    expect("SIOCGIFNETMASK", SYS(ioctl, socket, SIOCGIFNETMASK, &request), 0);
    holds("255.0.0.0", same((char *)&request + 16, "\020\002\0\0\377\0\0\0", 8));
    expect("lo does not broadcast", SYS(ioctl, socket, SIOCGIFBRDADDR, &request), -EINVAL);
    expect("nor has it a far end", SYS(ioctl, socket, SIOCGIFDSTADDR, &request), -EINVAL);
    request.name[0] = '?';
    expect("no such interface", SYS(ioctl, socket, SIOCGIFADDR, &request), -ENXIO);
    SYS(close, socket);
}

/// ICMP6_FILTER: which types a raw socket takes.
static void filter(void) {
    uint32_t passes[8] = {0, 0, 0, 0, 2}, got[8] = {1, 1}, size = 32; // 129, ICMP6_ECHO_REPLY
    struct { uint8_t length, family; uint16_t port; uint32_t flow; uint8_t address[16]; uint32_t scope; } self = {28, 28, 0, 0, {0}, 0};
    uint8_t message[64] = {128}; // ICMP6_ECHO_REQUEST
    self.address[15] = 1;
    long raw = SYS(socket, 28, 3, 58);
    int isAllowed = raw != -EPERM;
    holds("a filter", !isAllowed || SYS(setsockopt, raw, 58, 18, passes, 32) == 0);
    holds("is told", !isAllowed || (SYS(getsockopt, raw, 58, 18, got, &size) == 0 && size == 32 && same((char *)got, (char *)passes, 32)));
    holds("too short a one", !isAllowed || SYS(setsockopt, raw, 58, 18, passes, 16) == -EMSGSIZE);
    SYS(sendto, raw, message, 16, 0, &self, 28);
    // Its own request comes back, too, but does not pass.
    holds("what passes", !isAllowed || (SYS(recvfrom, raw, message, 64, 0, 0, 0) == 16 && message[0] == 129));
}

static void path(void) {
    struct { uint8_t length, family; uint16_t port; uint32_t flow; uint8_t address[16]; uint32_t scope; } self = {28, 28, 0x901f, 0, {0}, 0};
    struct { char address[28]; uint32_t mtu; } told = {{1}, 0};
    uint32_t size = sizeof told;
    long socket = SYS(socket, 28, 2, 0);
    self.address[15] = 1;
    expect("IPV6_PATHMTU without a peer", SYS(getsockopt, socket, 41, 44, &told, &size), -ENOTCONN);
    SYS(connect, socket, &self, 28);
    expect("with one", SYS(getsockopt, socket, 41, 44, &told, &size), 0);
    holds("an MTU alone", size == 32 && !told.address[0] && told.mtu >= 1280);
    expect("IPV6_USE_MIN_MTU", SYS(setsockopt, socket, 41, 42, &(int){1}, 4), -ENOPROTOOPT);
}

/// IP_PORTRANGE and IPV6_PORTRANGE: the port that bind(2) chooses of these, or an error.
static long chosen(int family, int level, int option, int range) {
    struct { uint8_t length, family; uint16_t port; uint32_t rest[6]; } self = {family == 2 ? 16 : 28, family, 0, {0}};
    uint32_t size = self.length, four = 4;
    int told = -1;
    long socket = SYS(socket, family, 1, 0), result = SYS(setsockopt, socket, level, option, &range, 4);
    if (result < 0) return result;
    SYS(getsockopt, socket, level, option, &told, &four);
    if (told != range) return -1000 - told;
    result = SYS(bind, socket, &self, size);
    if (result < 0) return result;
    SYS(getsockname, socket, &self, &size);
    SYS(close, socket);
    return (self.port & 0xff) << 8 | self.port >> 8;
}

static void ports(void) {
    long low = chosen(2, 0, 19, 2), low6 = chosen(28, 41, 14, 2);
    holds("IP_PORTRANGE_HIGH", chosen(2, 0, 19, 1) >= 49152);
    holds("IPV6_PORTRANGE_HIGH", chosen(28, 41, 14, 1) >= 49152);
    holds("IP_PORTRANGE_LOW, for the superuser", low == -EACCES || (low >= 600 && low < 1024));
    holds("IPV6_PORTRANGE_LOW", low6 == -EACCES || (low6 >= 600 && low6 < 1024));
    holds("IP_PORTRANGE_DEFAULT", chosen(2, 0, 19, 0) >= 1024);
    expect("no such range", chosen(2, 0, 19, 3), -EINVAL);
}

/// net.link.generic: {4, 18, 0, 2, number, IFDATA_GENERAL} answers with a struct ifmibdata.
static void table(void) {
    int count[5] = {4, 18, 0, 1, 1}, entry[6] = {4, 18, 0, 2, 1, 1}, highest = 0;
    uint64_t size = 4, one = 208;
    static struct { char name[16]; int listeners, flags, queue[8]; struct { uint8_t type, fill[7]; uint32_t mtu; uint8_t rest[140]; } data; } told;
    expect("interfaces", SYS(__sysctl, count, 5, &highest, &size, 0, 0), 0);
    holds("lo among them", highest >= 1);
    expect("the first one", SYS(__sysctl, entry, 6, &told, &one, 0, 0), 0);
    holds("lo, of 208 bytes", one == 208 && same(told.name, "lo", 3) && told.data.type == 24 && told.data.mtu >= 1280);
    entry[5] = 3;
    one = 208;
    expect("its driver's name", SYS(__sysctl, entry, 6, &told, &one, 0, 0), 0);
    expect("bytes", one, 3);
    entry[4] = highest + 1;
    expect("none of this number", SYS(__sysctl, entry, 6, &told, &one, 0, 0), -ENOENT);
    expect("without a question", SYS(__sysctl, entry, 5, &told, &one, 0, 0), -EINVAL);
    int packets[4] = {4, 28, 41, 6}, messages[4] = {4, 28, 58, 1};
    static char counts[8192];
    one = sizeof counts;
    expect("net.inet6.ip6.stats", SYS(__sysctl, packets, 4, counts, &one, 0, 0), 0);
    expect("bytes", one, 3320);
    one = sizeof counts;
    expect("net.inet6.icmp6.stats", SYS(__sysctl, messages, 4, counts, &one, 0, 0), 0);
    expect("bytes", one, 4632);
}

static void sample(long argc, char **argv, char **environment) {
    interfaces();
    addresses();
    filter();
    path();
    ports();
    table();
}
