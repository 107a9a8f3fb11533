#!/bin/sh
# Installs skep from a Debian package that lies beside this script or is named. Nothing is downloaded but what apt may need.
set -eu

usage() {
  cat <<'TEXT'
Usage: install.sh [--dry-run] [PACKAGE.deb]

Installs skep on Debian 12 or newer, Raspberry Pi OS (64-bit) or another system with dpkg: checks the machine, checks the
package by the SHA256SUMS beside it, and hands it to apt. Without PACKAGE.deb the newest one beside this script, or in
this directory, that fits the machine is taken.

  --dry-run   check everything, and print what would be run
  --help      print this

Ends with 0 where it is done, 1 where something is wrong, 2 where it was called in another way.
TEXT
}

fail() {
  printf 'install.sh: %s\n' "$1" >&2
  exit 1
}

dry_run=no
package=
for argument; do
  case $argument in
    --dry-run) dry_run=yes ;;
    --help | -h)
      usage
      exit 0
      ;;
    -*)
      printf 'install.sh: unknown option %s\n' "$argument" >&2
      usage >&2
      exit 2
      ;;
    *)
      if [ -n "$package" ]; then
        usage >&2
        exit 2
      fi
      package=$argument
      ;;
  esac
done

# The machine.

[ "$(uname -s)" = Linux ] || fail "skep runs on Linux, and this is $(uname -s)"
for tool in dpkg dpkg-deb sha256sum; do
  command -v "$tool" >/dev/null || fail "no $tool here: this is for Debian and its kin. Elsewhere use the executable"
done

# A 64-bit kernel may carry a 32-bit system, as on older cards: what counts is what dpkg installs.
architecture=$(dpkg --print-architecture)
case $architecture in
  amd64 | arm64) ;;
  armhf | armel)
    fail "this system is 32-bit ($architecture); skep needs a 64-bit one: install Raspberry Pi OS (64-bit) on the card"
    ;;
  *) fail "skep is made for amd64 (x86_64) and arm64 (aarch64), and this system is $architecture" ;;
esac

needed_glibc=2.34
glibc=$(getconf GNU_LIBC_VERSION 2>/dev/null | sed 's/^glibc //')
[ -n "$glibc" ] || fail "no glibc here (musl?): skep needs glibc $needed_glibc or newer"
dpkg --compare-versions "$glibc" ge "$needed_glibc" ||
  fail "glibc is $glibc, and skep needs $needed_glibc or newer: upgrade to Debian 12 or newer"

# The package.

if [ -z "$package" ]; then
  for directory in "$(dirname "$0")" .; do
    for candidate in "$directory"/skep_*_"$architecture".deb; do
      [ -f "$candidate" ] || continue
      if [ -z "$package" ] ||
        dpkg --compare-versions "$(dpkg-deb -f "$candidate" Version)" gt "$(dpkg-deb -f "$package" Version)"; then
        package=$candidate
      fi
    done
    [ -z "$package" ] || break
  done
  [ -n "$package" ] || fail "no skep_VERSION_$architecture.deb beside this script or here: name it"
fi
[ -f "$package" ] || fail "$package: no such file"

directory=$(cd "$(dirname "$package")" && pwd)
name=$(basename "$package")
package=$directory/$name

[ -f "$directory/SHA256SUMS" ] || fail "no SHA256SUMS beside $package: get it from where the package is from"
# A name with a star before it was read as binary, which is the same on Linux.
expected=$(awk -v name="$name" '$2 == name || $2 == "*" name { print $1 }' "$directory/SHA256SUMS")
[ -n "$expected" ] || fail "$directory/SHA256SUMS does not list $name"
actual=$(sha256sum "$package" | cut -d ' ' -f 1)
[ "$actual" = "$expected" ] ||
  fail "$package is damaged or not what was released: its SHA-256 is $actual, expected $expected"

made_for=$(dpkg-deb -f "$package" Architecture) || fail "$package is not a Debian package"
[ "$(dpkg-deb -f "$package" Package)" = skep ] || fail "$package is not skep"
[ "$made_for" = "$architecture" ] || fail "$package is for $made_for, and this system is $architecture"

# The installation. Settings that were edited stay as they are.

if command -v apt-get >/dev/null; then
  set -- apt-get install --yes -o Dpkg::Options::=--force-confold "$package"
else
  set -- dpkg --install --force-confold "$package"
fi

if [ "$dry_run" = yes ]; then
  printf 'All is well. Would run: %s\n' "$*"
  exit 0
fi
[ "$(id -u)" = 0 ] || fail "this takes root: sudo $0 $package"
DEBIAN_FRONTEND=noninteractive "$@" || fail "the package could not be installed: see above"

cat <<'TEXT'

skep is installed. To use it as yourself, join its group and log in again:
  sudo adduser "$USER" skep
Then:
  skep status
TEXT
