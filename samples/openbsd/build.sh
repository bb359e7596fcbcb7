#!/bin/sh
# Builds samples/openbsd/*.c, or the named ones, into build/samples/openbsd.
exec sh "$(dirname "$0")/../freestanding.sh" openbsd x86_64-unknown-openbsd "" "$@"
