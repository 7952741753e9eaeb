#!/bin/sh
# What is looked at on the fresh Debian: guest.sh plain|booted, the latter with its systemd running. In /in are the
# packages, the modules that ours imports, and the lines that README wants in snmpd.conf; /out/MODE gets the outcome.
set -u
mode=$1
# shellcheck source=tests/package/checks.sh
. /in/checks.sh
PATH=/usr/sbin:/usr/bin:/sbin:/bin
export DEBIAN_FRONTEND=noninteractive MIBS=
base=.1.3.6.1.4.1.8072.9999.9999.2741
config=/etc/netstat-agentx.toml
drop_ins=/etc/systemd/system/netstat-agentx.service.d

install_package() { dpkg --force-confdef --force-confold -i "/in/$1.deb"; }
get() { snmpget -v2c -c $community -On -Oqv 127.0.0.1 "$@"; }
answers() { has "$(get "$base.1.5.1.0" 2>&1)" "$(netstat-agentx --version | cut -d' ' -f2)"; }
# All that a package could leave behind; dpkg's own notes, logs and what snmpd writes aside.
everything() {
    find / -xdev \( -path /proc -o -path /sys -o -path /dev -o -path /run -o -path /tmp -o -path /in -o -path /out \
        -o -path /var/lib/dpkg -o -path /var/log -o -path /var/agentx -o -path /var/lib/snmp \) -prune \
        -o -print | grep -v -e '-$' -e '^/var/cache/ldconfig' | sort
    cat /etc/passwd /etc/group /etc/shadow /etc/gshadow
}
# A listener of root's, so that somebody else's process could be shown.
perl -MSocket -e 'socket(S, PF_INET, SOCK_STREAM, 0); bind(S, pack_sockaddr_in(7777, INADDR_LOOPBACK)) or die $!;
    listen(S, 5) or die $!; sleep 600' &
listener=$!
listener_process() { get .1.3.6.1.2.1.6.20.1.4.1.4.127.0.0.1.7777; }

everything > /tmp/before
check "installs" install_package one
check "has a user" has "$(getent passwd netstat-agentx)" ":/usr/sbin/nologin"
check "whose groups are its own" is "$(id -Gn netstat-agentx)" netstat-agentx
check "has a binary" has "$(netstat-agentx --version)" "netstat-agentx "
check "has a good configuration" is "$(netstat-agentx check-config)" "$config: good"
check "has a module that snmptranslate finds" \
    is "$(snmptranslate -M +/in/mibs -m LINUX-NETSTAT-MIB -On -IR lnsTcpStateSockets)" "$base.1.1.1.1.3"
check "has a module of capabilities" test -s /usr/share/snmp/mibs/LINUX-NETSTAT-CAPS-MIB.txt
check "has completions for bash" \
    bash -c '. /usr/share/bash-completion/completions/netstat-agentx && complete -p netstat-agentx'
for page in man8/netstat-agentx.8.gz man5/netstat-agentx.toml.5.gz; do
    check "has $page" gzip -t "/usr/share/man/$page"
done
# What README tells to do, and config/snmpd where snmpd has run before.
if [ "$mode" = plain ]; then
    cat /in/snmpd.conf >> /etc/snmp/snmpd.conf
    community=public
else
    check "snmpd had run before" test -d /var/agentx
    install -m 640 -g Debian-snmp /usr/share/netstat-agentx/snmpd/netstat-agentx.conf /etc/snmp/snmpd.conf.d/
    sh /in/folder.sh
    community=netstat
fi

if [ "$mode" = plain ]; then
    # As the units of snmpd and ours have it.
    /usr/sbin/snmpd -LF w /tmp/snmpd.log -u Debian-snmp -g Debian-snmp -I -smux,mteTrigger,mteTriggerConf -f &
    snmpd=$!
    setpriv --reuid netstat-agentx --regid netstat-agentx --clear-groups netstat-agentx run 2>/tmp/log &
    subagent=$!
    check "serves as its user what README promises" within 10 answers
    check "counts the listener" test "$(get "$base.1.1.1.1.3.1.2")" -gt 0
    check "shows nobody else's processes" is "$(listener_process)" 0
    kill $subagent $snmpd
    wait $subagent $snmpd
else
    unit() { systemctl show -p "$1" --value netstat-agentx; }
    status() { has "$(unit StatusText)" "$1"; }
    state() { is "$(unit ActiveState)" "$1"; }
    process() { sed -n "s/^$1:[[:space:]]*//p" "/proc/$(unit MainPID)/status"; }
    log() { journalctl -q -u netstat-agentx -o cat "$@"; }
    # Whatever the confinement takes away that is needed would be told there.
    sources_read_well() {
        errors=$(snmpwalk -v2c -c $community -On -Oqv 127.0.0.1 "$base.1.5.8.1.6" | grep -v -e 'No more' -e '^""$')
        rows=$(snmpwalk -v2c -c $community -On -Oqv 127.0.0.1 "$base.1.5.8.1.4" | grep -vc '^0$')
        is "$errors $rows" " ${1:-8}"
    }
    settled() {
        check "$1: serves" within 10 status "serving 11 of 11"
        for subtree in .1.3.6.1.2.1.5 .1.3.6.1.2.1.6 .1.3.6.1.2.1.7 "$base"; do
            check "$1: $subtree is walked" snmpwalk -v2c -c $community 127.0.0.1 "$subtree"
        done
        check "$1: all sources read well" sources_read_well
        # lnsUnixListenerQueueLimit: systemd itself listens, and netlink may be asked.
        check "$1: sock_diag is there" test "$(snmpwalk -v2c -c $community -On 127.0.0.1 "$base.1.1.8.1.3" | grep -c Gauge32)" -gt 0
        # lnsLimitTcpMaxTwBuckets, of /proc/sys/net.
        check "$1: /proc/sys/net is there" test "$(get "$base.1.2.26.0")" -gt 0
    }

    instance=/sys/kernel/tracing/instances/netstat-agentx-unit
    knocked() {
        perl -MIO::Socket::INET -e 'IO::Socket::INET->new("127.0.0.1:7778")'
        # lnsResetCount of sent, local, 7778, NO_SOCKET.
        test "$(get "$base.1.6.1.1.5.1.1.7778.9.78.79.95.83.79.67.75.69.84")" -gt 0
    }
    traces_resets() {
        test -n "$traces" || return 0
        check "$1: serves without resets" is "$(get "$base.1.6.2.0")" 2
        sed -i '/^\[resets\]/,/^enabled/s/^enabled = .*/enabled = true/' $config
        check "$1: reloads" systemctl reload netstat-agentx
        tracing() { is "$(get "$base.1.6.2.0")" 1; }
        check "$1: has a trace instance" test -d $instance
        check "$1: traces resets" within 10 tracing
        check "$1: sees a reset" within 10 knocked
        check "$1: all sources read well" sources_read_well 9
        check "$1: no other event may be recorded" is "$(find $instance -user netstat-agentx | wc -l)" 2
        check "$1: nothing is left in /run but what it is mounted on" test -z "$(ls /run/netstat-agentx)"
        cp /tmp/good $config
    }

    check "is started" state active
    check "is watched" is "$(unit WatchdogUSec)" 3min
    check "is enabled" is "$(systemctl is-enabled netstat-agentx)" enabled
    check "waits for a master agent that does not let it in" status "cannot connect to the master agent"
    systemctl restart snmpd
    settled "as installed"
    check "runs as its user" is "$(ps -o user:20=,group:20=,supgrp:20= -p "$(unit MainPID)" | xargs)" \
        "netstat-agentx netstat-agentx netstat-agentx"
    check "has no capabilities" is "$(process CapPrm) $(process CapBnd)" "0000000000000000 0000000000000000"
    check "is filtered" is "$(process Seccomp) $(process NoNewPrivs)" "2 1"
    check "shows nobody else's processes" is "$(listener_process)" 0

    systemctl restart snmpd
    check "comes back to snmpd" within 10 status "serving 11 of 11"
    check "reloads" systemctl reload netstat-agentx
    reloaded() { has "$(log)" "configuration read again"; }
    check "has reloaded" within 5 reloaded
    echo "nonsense = 1" > /tmp/nonsense
    cp $config /tmp/good && cat /tmp/nonsense /tmp/good > $config
    check "does not reload what is not good" no systemctl reload netstat-agentx
    check "and goes on" state active
    check "and does not start with it again and again" no systemctl restart netstat-agentx
    check "but fails" within 5 state failed
    cp /tmp/good $config
    systemctl reset-failed netstat-agentx
    check "and starts when it is good" systemctl start netstat-agentx

    chmod 0 $config
    check "does not start with one that cannot be read" no systemctl restart netstat-agentx
    chmod 644 $config
    check "but does when it can be" within 5 state active

    # Another configuration, for all that read one.
    other=/etc/other.toml
    mkdir -p $drop_ins
    sed 's/^buffer = .*/buffer = "64KiB"/' $config > $other
    check "has a buffer in its configuration" grep -q '^buffer = "64KiB"' $other
    printf '[Service]\nEnvironment="CONFIG=--config %s"\n' $other > $drop_ins/other.conf
    systemctl daemon-reload && systemctl restart netstat-agentx
    command_line() { has "$(tr '\0' ' ' < "/proc/$(unit MainPID)/cmdline")" "$1"; }
    check "reads another configuration" within 5 command_line "netstat-agentx run --config $other"
    check "and reloads it" systemctl reload netstat-agentx
    cat /tmp/nonsense >> $other
    check "but not when it is not good" no systemctl reload netstat-agentx
    sed -i '$d' $other
    mv $drop_ins/other.conf /tmp/
    systemctl daemon-reload && systemctl restart netstat-agentx
    check "reads its own again" within 5 command_line "netstat-agentx run "
    check "and nothing more" no command_line --config

    # More often than systemd puts up with by itself, which is five times in ten seconds.
    again() { is "$(unit NRestarts)" "$times" && state active; }
    for times in 1 2 3 4 5 6 7; do
        kill -KILL "$(unit MainPID)"
        within 5 again || break
    done
    check "is started again however often it ends" again
    systemctl reset-failed netstat-agentx

    # What the confinement lets through, as a program in it can tell.
    perl -MSocket -e 'socket(S, PF_UNIX, SOCK_STREAM, 0); umask 0117; bind(S, pack_sockaddr_un("/run/root.socket")) or
        die $!; listen(S, 5) or die $!; sleep 600' &
    root_service=$!
    could() { log _SYSTEMD_INVOCATION_ID="$(unit InvocationID)" -t perl; }
    could_nothing() { is "$(could)" tried; }
    could_all() {
        for what in "could write /sys/kernel/tracing/uprobe_events" "could connect to a socket of root's" "could call process_vm_writev"; do
            has "$(could)" "$what" || return 1
        done
    }

    # The watchdog, with a time-out that a test can wait for.
    mkdir -p $drop_ins
    printf '[Service]\nWatchdogSec=3\n' > $drop_ins/test.conf
    systemctl daemon-reload && systemctl restart netstat-agentx
    check "has a watchdog" is "$(unit WatchdogUSec)" 3s
    within 5 status "serving 11 of 11"
    sleep 7
    check "feeds it" is "$(unit NRestarts)" 0
    kill -STOP "$(unit MainPID)"
    restarted() { is "$(unit NRestarts)" 1; }
    check "is started again when it hangs" within 15 restarted
    rm $drop_ins/test.conf

    mount -t tracefs tracefs /sys/kernel/tracing
    traces=
    if test -e /sys/kernel/tracing/events/tcp/tcp_send_reset; then
        traces=yes
    else
        echo "note: this machine does not trace, so the unit is not tried with it"
    fi
    for drop_in in processes resets; do
        cp /in/tried.conf /usr/share/netstat-agentx/systemd/$drop_in.conf $drop_ins/
        systemctl daemon-reload && systemctl restart netstat-agentx
        settled "with $drop_in.conf"
        check "with $drop_in.conf: nobody else's memory, and no file or socket of root's" \
            within 5 could_nothing
        case $drop_in in
            processes)
                check "shows the processes of others" is "$(listener_process)" $listener
                check "has two capabilities" is "$(process CapPrm)" 0000000000080004
                rm $drop_ins/processes.conf
                ;;
            resets)
                check "still has no capabilities" is "$(process CapPrm) $(process CapBnd)" \
                    "0000000000000000 0000000000000000"
                traces_resets "with $drop_in.conf"
                if [ -n "$traces" ]; then
                    mv /tmp/other.conf $drop_ins/
                    systemctl daemon-reload && systemctl restart netstat-agentx
                    # 64 KiB, in whole pages.
                    check "has the buffer of another configuration" test "$(cat $instance/buffer_size_kb)" -lt 128
                    rm $drop_ins/other.conf
                fi
                ;;
        esac
    done
    # That it would be seen: with the rights that tracing once took, and no filter.
    grep -hv SystemCallFilter /usr/share/netstat-agentx/systemd/processes.conf /in/careless.conf > $drop_ins/careless.conf
    systemctl daemon-reload && systemctl restart netstat-agentx
    check "a program in the unit would do what it must not, if it could" within 5 could_all
    rm $drop_ins/tried.conf $drop_ins/careless.conf
    cp /usr/share/netstat-agentx/systemd/processes.conf $drop_ins/
    systemctl daemon-reload && systemctl restart netstat-agentx
    settled "with both"
    check "has two capabilities with both" is "$(process CapPrm)" 0000000000080004
    traces_resets "with both"
    systemctl stop netstat-agentx
    check "leaves no trace instance" no test -e $instance
    check "leaves nothing in /run" no test -e /run/netstat-agentx
    umount /sys/kernel/tracing
    if [ -n "$traces" ]; then
        mount -t tracefs tracefs /mnt
        # tracefs is the host's: others may have instances there, now and later, which go when they end.
        instances() { find /mnt/instances -mindepth 1 -maxdepth 1 -printf '%f\n'; }
        instances > /tmp/instances
        nothing_left() { ! instances | grep -qvxFf /tmp/instances; }
        sed -i '/^\[resets\]/,/^enabled/s/^enabled = .*/enabled = true/' $config
        systemctl start netstat-agentx
        check "serves where tracefs is elsewhere" within 10 status "serving 11 of 11"
        not_possible() { is "$(get "$base.1.6.2.0")" 3; }
        check "but traces nothing" within 10 not_possible
        systemctl stop netstat-agentx
        check "and leaves nothing there" within 20 nothing_left
        umount /mnt
        cp /tmp/good $config
    fi
    systemctl start netstat-agentx
    settled "with both, where nothing can be traced"
    kill $root_service
    rm -r $drop_ins $other
    systemctl daemon-reload && systemctl restart netstat-agentx
    systemctl daemon-reload && systemctl restart netstat-agentx
    before=$(unit MainPID)
fi

sed -i 's/^priority = .*/priority = 99/' $config
check "upgrades" install_package two
check "keeps the edited configuration" grep -q '^priority = 99' $config
check "upgrades to one with another configuration" install_package three
check "keeps the edited configuration again" grep -q '^priority = 99' $config
check "puts the new one beside it" grep -q 'a line more' $config.dpkg-dist
if [ "$mode" = booted ]; then
    check "is started again" no is "$(unit MainPID)" "$before"
    check "and serves" within 10 answers
fi
check "goes" dpkg --remove netstat-agentx
check "leaves the configuration" test -e $config
if [ "$mode" = booted ]; then
    check "has ended" no pgrep -x netstat-agentx
fi
check "is purged" dpkg --purge netstat-agentx
rm -f /etc/snmp/snmpd.conf.d/netstat-agentx.conf
everything > /tmp/after
check "leaves nothing behind" diff /tmp/before /tmp/after
kill $listener
echo "$passed $failed" > "/out/$mode"
[ "$failed" -eq 0 ]
