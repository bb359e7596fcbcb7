#!/bin/sh
# Installs the Debian packages that building and testing Persona needs, and that are missing.
set -eu

packages="libelf-dev libseccomp-dev libcapstone-dev zlib1g-dev python3 python3-venv git gcc libc6-dev make binutils
          procps ca-certificates"

if ! command -v dpkg-query >/dev/null 2>&1; then
  echo "deps: this is not a Debian system; install the equivalents of:" $packages >&2
  exit 0
fi

missing=""
for package in $packages; do
  status=$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null || true)
  [ "$status" = installed ] || missing="$missing $package"
done

if [ -n "$missing" ]; then
  as_root=""
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null 2>&1 || {
      echo "deps: as root, run: apt-get install$missing" >&2
      exit 1
    }
    as_root=sudo
  fi
  echo "deps: installing$missing"
  $as_root apt-get update -q
  $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $missing
fi

command -v swift >/dev/null 2>&1 || {
  echo "deps: no 'swift' in PATH; install a Swift 6.3 toolchain from https://www.swift.org/install/linux" >&2
  exit 1
}
echo "deps: complete"
