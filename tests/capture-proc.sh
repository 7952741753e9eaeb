#!/bin/sh
# Captures what the parsers read of this machine's /proc as a tree for tests: tests/capture-proc.sh FOLDER.
# Run it in a network namespace of its own ('unshare -n'), so that no address of a real network gets in; softnet_stat is of
# the whole host all the same. The neighbour caches' files of stat/ are in the first namespace only, and hold no address.
set -eu
to=$1/1/net
mkdir -p "$to"
for file in tcp tcp6 udp udp6 snmp netstat snmp6 sockstat sockstat6 xfrm_stat softnet_stat tls_stat; do
    [ ! -r "/proc/net/$file" ] || cat "/proc/net/$file" > "$to/$file"
done
for file in nf_conntrack arp_cache ndisc_cache synproxy; do
    if [ -r "/proc/net/stat/$file" ]; then
        mkdir -p "$to/stat"
        cat "/proc/net/stat/$file" > "$to/stat/$file"
    fi
done
if [ -r /proc/net/sctp/snmp ]; then
    mkdir -p "$to/sctp"
    cat /proc/net/sctp/snmp > "$to/sctp/snmp"
fi
for file in arp_cache ndisc_cache; do
    if [ -r "/proc/net/stat/$file" ]; then
        mkdir -p "$to/stat"
        cat "/proc/net/stat/$file" > "$to/stat/$file"
    fi
done
# Limits, and what of those is of the whole host. Many are not in a network namespace of one's own: tests/proc/README.md.
for file in net/core/somaxconn net/core/netdev_max_backlog net/ipv4/tcp_mem net/ipv4/udp_mem net/ipv4/tcp_max_orphans \
    net/ipv4/tcp_max_tw_buckets net/ipv4/tcp_tw_reuse net/ipv4/tcp_max_syn_backlog net/ipv4/ip_local_port_range net/ipv4/ipfrag_high_thresh \
    net/ipv6/ip6frag_high_thresh net/ipv4/neigh/default/gc_thresh3 net/ipv6/neigh/default/gc_thresh3 \
    net/netfilter/nf_conntrack_count net/netfilter/nf_conntrack_max fs/file-nr fs/file-max; do
    if [ -r "/proc/sys/$file" ]; then
        mkdir -p "$1/sys/${file%/*}"
        cat "/proc/sys/$file" > "$1/sys/$file"
    fi
done
