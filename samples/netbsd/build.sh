#!/bin/sh
# Builds samples/netbsd/*.c, or the named ones, into build/samples/netbsd.
exec sh "$(dirname "$0")/../freestanding.sh" netbsd x86_64-unknown-netbsd "" "$@"
