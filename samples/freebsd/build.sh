#!/bin/sh
# Builds samples/freebsd/*.c, or the named ones, into build/samples/freebsd.
exec sh "$(dirname "$0")/../freestanding.sh" freebsd x86_64-unknown-freebsd14 "" "$@"
