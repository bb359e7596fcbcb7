#!/bin/sh
# Builds samples/dragonfly/*.c, or the named ones, into build/samples/dragonfly.
exec sh "$(dirname "$0")/../freestanding.sh" dragonfly x86_64-unknown-dragonfly "-mno-red-zone" "$@"
