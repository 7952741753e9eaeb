#!/bin/sh
# The Debian package for real: built, judged by lintian and systemd-analyze, installed, run, upgraded and purged on a
# fresh Debian 12, once with its systemd running and once without. Needs root, for systemd-nspawn. The fresh Debian is
# kept in target/package and never written to.
set -eu
cd "$(dirname "$0")/.."
. tests/package/checks.sh
work=$PWD/target/package
[ "$(id -u)" -eq 0 ] || { echo "the test of the package needs root, for systemd-nspawn" >&2; exit 1; }
mkdir -p "$work"
rm -rf "$work/in" "$work/out" "$work/unpacked"
mkdir "$work/in" "$work/out"

deb=$(ls -t target/debian/netstat-agentx_*.deb | head -1)
version=$(dpkg-deb -f "$deb" Version)
echo "package: $deb"
check "is of the version of Cargo.toml" is "${version%-*}" "$(cargo pkgid | sed 's/.*[#@]//')"
check "is of the version of debian/changelog" has "$(head -1 debian/changelog)" "($version)"
# The package is not meant for Debian itself, where a first upload closes a bug.
check "lintian" lintian --allow-root --fail-on error,warning --suppress-tags initial-upload-closes-no-bugs "$deb"
dpkg-deb -R "$deb" "$work/unpacked"
(cd config && find . -mindepth 2 -type f ! -path './sysusers.d/*') | sort > "$work/wanted"
(cd "$work/unpacked/usr/share/netstat-agentx" && find . -type f) | sort > "$work/packed"
check "all of config/ is in it; else a row of package.metadata.deb in Cargo.toml is missing" \
    diff "$work/wanted" "$work/packed"

# 'make install' brings the same files, and 'make uninstall' takes them away.
make_install() {
    make --no-print-directory -s "$1" PREFIX=/usr DESTDIR="$work/installed" || return 1
    (cd "$work/installed" && find . -type f | sed 's|zsh/site-functions|zsh/vendor-completions|
        s|\(/man/.*\)|\1.gz|; s|^./lib/|./usr/lib/|') | sort > "$work/installed.$1"
}
rm -rf "$work/installed"
check "make install" make_install install
(cd "$work/unpacked" && find . -type f ! -path './DEBIAN/*' ! -path '*/doc/*') | sort > "$work/packaged"
check "make install brings what the package has" \
    sh -c "grep -v /doc/ '$work/installed.install' | diff '$work/packaged' -"
check "and the same unit and drop-ins" sh -c "diff '$work/unpacked/usr/lib/systemd/system' '$work/installed/lib/systemd/system' &&
    diff '$work/unpacked/usr/share/netstat-agentx/systemd' '$work/installed/usr/share/netstat-agentx/systemd'"
check "which know where the program is" no grep -r @BINDIR@ "$work/unpacked"
check "make uninstall" make_install uninstall
check "make uninstall leaves nothing" no test -s "$work/installed.uninstall"

# Two more to upgrade to, the second with another configuration.
repack() {
    sed -i "s/^Version:.*/Version: $version+$1/" "$work/unpacked/DEBIAN/control"
    dpkg-deb --root-owner-group -Zgzip -z1 -b "$work/unpacked" "$work/in/$2.deb" >/dev/null
}
cp "$deb" "$work/in/one.deb"
repack 1 two
echo "# a line more" >> "$work/unpacked/etc/netstat-agentx.toml"
repack 2 three

cp -r tests/package/* target/mibs "$work/in/"
# What README tells to do.
sed -n '/^    # serve subagents/,/^$/s/^    //p' README.md > "$work/in/snmpd.conf"
check "README tells what to add to snmpd.conf" grep -q '^agentXPerms' "$work/in/snmpd.conf"
sed -n 's/^    sudo \(chmod .*agentx\)$/\1/p' README.md > "$work/in/folder.sh"
check "README tells to open the folder of the socket" test -s "$work/in/folder.sh"

if [ ! -e "$work/root.made" ]; then
    rm -rf "$work/root"
    # From where this machine has its own.
    grep -ls bookworm /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources \
        > "$work/sources" || true
    echo "making a fresh Debian 12 in target/package/root"
    # shellcheck disable=SC2046
    timeout 900 mmdebstrap --quiet --variant=minbase --include=systemd-sysv,snmpd,snmp,procps bookworm "$work/root" \
        $(cat "$work/sources") > "$work/root.log" 2>&1 || { cat "$work/root.log"; exit 1; }
    touch "$work/root.made"
fi

# What is written goes to memory, and the network is the guest's own.
nspawn() {
    timeout 300 systemd-nspawn --quiet --directory="$work/root" --volatile=overlay --register=no --keep-unit \
        --private-network --console=pipe --setenv=SYSTEMD_COLORS=0 --setenv=SYSTEMD_URLIFY=0 "$@"
}
groups() { find /sys/fs/cgroup -depth -type d; }
groups > "$work/groups"

# What the hardening is worth: the exposure that Debian 12's systemd-analyze sees is at most that, in tenths, and as README
# has it. Another systemd, such as this machine's may be, has other weights.
exposure() {
    folder=$work/exposure/$1
    mkdir -p "$folder"
    cat "$work/unpacked/usr/lib/systemd/system/netstat-agentx.service" > "$folder/netstat-agentx.service"
    for drop_in in $2; do
        cat "$work/unpacked/usr/share/netstat-agentx/systemd/$drop_in.conf" >> "$folder/netstat-agentx.service"
    done
    said=$(nspawn --bind-ro="$folder:/unit" systemd-analyze security --offline=true --no-pager --threshold="$3" \
        /unit/netstat-agentx.service </dev/null) || {
        echo "$said" | grep -v ✓
        return 1
    }
    figure=$(echo "$said" | sed -n 's/.*exposure level.*: \([0-9.]*\) .*/\1/p')
    echo "  exposure, $1: $figure" >&3
    # shellcheck disable=SC2059
    grep -q "$(printf "$4" "${figure:-none}")" README.md || { echo "README.md has another one than $figure"; return 1; }
}
exec 3>&1
rm -rf "$work/exposure"
check "the unit is hardened" exposure unit "" 16 'an exposure of %s of 10'
check "and with other users' processes" exposure processes processes 21 '^| `processes.conf` .* %s |$'
check "and with resets" exposure resets resets 21 '^| `resets.conf` .* %s |$'
check "and with both" exposure both "processes resets" 21 'Both together come to %s\.'

guest() {
    mode=$1
    shift
    nspawn --bind-ro="$work/in:/in" --bind="$work/out:/out" "$@" \
        </dev/null >"$work/out/$mode.console" 2>&1 || true
    if [ -s "$work/out/$mode" ]; then
        read -r more bad < "$work/out/$mode"
        passed=$((passed + more))
        failed=$((failed + bad))
    else
        echo "FAILED: the guest ($mode) did not come to its end:"
        tail -n 40 "$work/out/$mode.console"
        failed=$((failed + 1))
    fi
    grep -s -A 4 '^FAILED' "$work/out/$mode.log" || true
}
guest plain /bin/sh -c '/in/guest.sh plain >/out/plain.log 2>&1'
guest booted --boot --bind-ro="$work/in/test.service:/etc/systemd/system/package-test.service" \
    systemd.wants=package-test.service
# systemd-nspawn leaves the control groups in which it ran.
groups | grep -vxFf "$work/groups" | xargs -r rmdir

echo "package: $passed passed, $failed failed"
[ "$failed" -eq 0 ]
