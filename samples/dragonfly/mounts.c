// The list of mounts, in both of its layouts.
#include "dragonfly.h"

static union { char bytes[65536]; uint64_t words[8192]; } told, values;

static void program(void) {
    long count = SYS(18, 0, 0, 2);
    expect("getfsstat: how many", count > 0, 1);
    expect("getfsstat", SYS(18, told.bytes, 320, 2), 1);
    expect("f_bsize", told.words[1] >= 512, 1);
    expect("f_mntonname", told.bytes[120], '/');
    expect("getvfsstat", SYS(503, told.bytes, values.bytes, 160, 2), 1);
    expect("its f_bsize", values.words[0] >= 512, 1);
    expect("of the same", told.bytes[120], '/');
    expect("getvfsstat: as many", SYS(503, 0, 0, 0, 2) == count, 1);
}
