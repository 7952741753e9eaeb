#!/bin/sh
# On Debian 13, in a root of its own that is kept in target/trixie: 'tests/trixie.sh build' builds the program with the
# compiler that Debian 13 has, 'tests/trixie.sh test' runs there the tests as they were built here. Needs root, to mount
# and to chroot.
set -eu
cd "$(dirname "$0")/.."
work=$PWD/target/trixie
root=$work/root

# The second half, in a mount and a PID namespace: they end with it, and nothing stays mounted.
if [ "${2:-}" = inside ]; then
    mkdir -p "$root$PWD"
    # Which a machine has from its installer.
    printf '127.0.0.1\tlocalhost\n::1\tlocalhost\n' > "$root/etc/hosts"
    mount --rbind /dev "$root/dev"
    mount --rbind /sys "$root/sys"
    mount -t proc proc "$root/proc"
    mount -t tmpfs tmpfs "$root/tmp"
    mount --bind "$PWD" "$root$PWD"
    # What is in quotes is for the shell in there.
    # shellcheck disable=SC2016
    exec env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin chroot "$root" sh -euc '
        cd "$1"
        case $2 in
        build)
            CARGO_TARGET_DIR=target/trixie/build cargo build --locked --offline --package netstat-agentx \
                --config "source.crates-io.replace-with=\"vendored\"" \
                --config "source.vendored.directory=\"target/trixie/vendor\""
            target/trixie/build/debug/netstat-agentx --version
            ;;
        test)
            failed=
            while read -r tests; do
                "$tests" || failed="$failed $tests"
            done < target/trixie/tests
            [ -z "$failed" ] || { echo "failed on Debian 13:$failed" >&2; exit 1; }
            ;;
        esac' sh "$PWD" "$1"
fi

case ${1:-} in
build | test) ;;
*) echo "usage: tests/trixie.sh build|test" >&2; exit 2 ;;
esac
[ "$(id -u)" -eq 0 ] || { echo "a root of Debian 13 needs root, to mount and to chroot" >&2; exit 1; }
mkdir -p "$work"
packages=cargo,faketime,iproute2,mandoc,procps,smitools,snmp,snmpd,snmptrapd
if [ "$(cat "$work/root.made" 2>/dev/null)" != "$packages" ]; then
    echo "making a fresh Debian 13 in target/trixie/root"
    rm -rf "$root"
    # From where this machine has its own Debian.
    # shellcheck disable=SC2016
    mirror=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' 'Label: Debian' | head -n 1)
    # shellcheck disable=SC2086
    timeout 900 mmdebstrap --quiet --variant=minbase --include="$packages" trixie "$root" $mirror \
        > "$work/root.log" 2>&1 || { cat "$work/root.log" >&2; exit 1; }
    echo "$packages" > "$work/root.made"
fi
# There is no network to rely on in there, nor this machine's index of crates, which is of another cargo's format.
if [ "$1" = build ]; then
    cargo vendor --quiet --locked "$work/vendor" > /dev/null
else
    # As they were built here: an older Debian's programs run on a newer one.
    cargo test --locked --workspace --no-run > "$work/test.log" 2>&1 || { cat "$work/test.log" >&2; exit 1; }
    sed -n 's/.*Executable .*(\(.*\))$/\1/p' "$work/test.log" > "$work/tests"
    [ -s "$work/tests" ] || { echo "cargo test --no-run names no tests" >&2; exit 1; }
fi
exec unshare --mount --propagation private --pid --fork --kill-child sh tests/trixie.sh "$1" inside
