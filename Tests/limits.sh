#!/bin/sh
# What adding DragonFly takes: at most 400 lines of tables that are not FreeBSD's, and at most 150 lines of Swift, comments
# and empty lines aside.
set -e
cd "$(dirname "$0")/.."
tables=$(cat personalities/dragonfly/*.table | grep -v "^ *#" | grep -c .)
code() { sed -e 's,//.*,,' -e 's,[[:space:]],,g' "$@" | grep -c .; }
registered='lightweight|variant(Set|Get|List)|umtx|threadArea|extended(Exit|Transfer)'
swift=$(($(code Sources/Translation/Handlers/DragonFly/*.swift) +
  $(grep -cE "$registered" Sources/Translation/Dispatch.swift) + $(grep -cE "$registered" Sources/Wire/HandlerName.swift)))
echo "DragonFly: $tables of 400 lines of tables, $swift of 150 lines of Swift"
[ "$tables" -le 400 ] && [ "$swift" -le 150 ]
