# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_netstat_agentx_global_optspecs
    string join \n h/help V/version
end

function __fish_netstat_agentx_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_netstat_agentx_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_netstat_agentx_using_subcommand
    set -l cmd (__fish_netstat_agentx_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c netstat-agentx -n "__fish_netstat_agentx_needs_command" -s h -l help -d 'Print help'
complete -c netstat-agentx -n "__fish_netstat_agentx_needs_command" -s V -l version -d 'Print version'
complete -c netstat-agentx -n "__fish_netstat_agentx_needs_command" -f -a "run" -d 'Run the subagent in the foreground, logging to stderr'
complete -c netstat-agentx -n "__fish_netstat_agentx_needs_command" -f -a "show" -d 'Show sockets by state, UDP, memory against limits, and listeners with a queue; needs no snmpd'
complete -c netstat-agentx -n "__fish_netstat_agentx_needs_command" -f -a "walk" -d 'Print what a manager would get from a walk of a subtree, as \'snmpwalk -On\' prints it; needs no snmpd'
complete -c netstat-agentx -n "__fish_netstat_agentx_needs_command" -f -a "get" -d 'Print what a manager would get for single instances; needs no snmpd'
complete -c netstat-agentx -n "__fish_netstat_agentx_needs_command" -f -a "explain" -d 'Say what a kernel counter means, where it sits in the MIB, and what to do when it grows'
complete -c netstat-agentx -n "__fish_netstat_agentx_needs_command" -f -a "resets" -d 'Show which ports reset connections, which way and why, live, most frequent first; needs root, but no snmpd'
complete -c netstat-agentx -n "__fish_netstat_agentx_needs_command" -f -a "check" -d 'Compare numbers of sockets with ranges, or what is in use with its limits, as a plugin of Nagios or Icinga; needs no snmpd'
complete -c netstat-agentx -n "__fish_netstat_agentx_needs_command" -f -a "mib" -d 'Print the MIB module LINUX-NETSTAT-MIB, or LINUX-NETSTAT-CAPS-MIB'
complete -c netstat-agentx -n "__fish_netstat_agentx_needs_command" -f -a "check-config" -d 'Say whether a configuration is good'
complete -c netstat-agentx -n "__fish_netstat_agentx_needs_command" -f -a "trace-instance" -d 'Make or remove the trace instance that the systemd unit records resets in; needs root'
complete -c netstat-agentx -n "__fish_netstat_agentx_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c netstat-agentx -n "__fish_netstat_agentx_using_subcommand run" -l config -d 'Configuration file [default: /etc/netstat-agentx.toml, if it exists]' -r -F
complete -c netstat-agentx -n "__fish_netstat_agentx_using_subcommand run" -l log -d 'Log level, whatever the configuration says' -r -f -a "error\t'What keeps the subagent from working'
warn\t'What a person should look at'
info\t'Every change of state'
debug\t'More than that'
trace\t'All there is'"
complete -c netstat-agentx -n "__fish_netstat_agentx_using_subcommand run" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c netstat-agentx -n "__fish_netstat_agentx_using_subcommand show" -l config -d 'Configuration file [default: /etc/netstat-agentx.toml, if it exists]' -r -F
complete -c netstat-agentx -n "__fish_netstat_agentx_using_subcommand show" -l json -d 'Print JSON: figures that are not known are null or left out'
complete -c netstat-agentx -n "__fish_netstat_agentx_using_subcommand show" -s h -l help -d 'Print help'
complete -c netstat-agentx -n "__fish_netstat_agentx_using_subcommand walk" -l config -d 'Configuration file [default: /etc/netstat-agentx.toml, if it exists]' -r -F
complete -c netstat-agentx -n "__fish_netstat_agentx_using_subcommand walk" -s h -l help -d 'Print help'
complete -c netstat-agentx -n "__fish_netstat_agentx_using_subcommand get" -l config -d 'Configuration file [default: /etc/netstat-agentx.toml, if it exists]' -r -F
complete -c netstat-agentx -n "__fish_netstat_agentx_using_subcommand get" -s h -l help -d 'Print help'
complete -c netstat-agentx -n "__fish_netstat_agentx_using_subcommand explain" -l config -d 'Configuration file [default: /etc/netstat-agentx.toml, if it exists]' -r -F
complete -c netstat-agentx -n "__fish_netstat_agentx_using_subcommand explain" -l json -d 'Print JSON'
complete -c netstat-agentx -n "__fish_netstat_agentx_using_subcommand explain" -s h -l help -d 'Print help'
complete -c netstat-agentx -n "__fish_netstat_agentx_using_subcommand resets" -l config -d 'Configuration file [default: /etc/netstat-agentx.toml, if it exists]' -r -F
complete -c netstat-agentx -n "__fish_netstat_agentx_using_subcommand resets" -l interval -d 'How often to print, 100ms to 1h; rates are those of the last five intervals [default: 2s]' -r
complete -c netstat-agentx -n "__fish_netstat_agentx_using_subcommand resets" -l json -d 'Print JSON, one document in a line each time'
complete -c netstat-agentx -n "__fish_netstat_agentx_using_subcommand resets" -l once -d 'Watch for one interval, print once and end'
complete -c netstat-agentx -n "__fish_netstat_agentx_using_subcommand resets" -s h -l help -d 'Print help'
complete -c netstat-agentx -n "__fish_netstat_agentx_using_subcommand check; and not __fish_seen_subcommand_from limits listeners" -l config -d 'Configuration file [default: /etc/netstat-agentx.toml, if it exists]' -r -F
complete -c netstat-agentx -n "__fish_netstat_agentx_using_subcommand check; and not __fish_seen_subcommand_from limits listeners" -l type -l conn-type -d 'Type of the sockets, more than once if need be [default: all]' -r -f -a "all\t'All of them'
tcp\t'TCP over IPv4'
tcp6\t'TCP over IPv6'
udp\t'UDP over IPv4'
udp6\t'UDP over IPv6'"
complete -c netstat-agentx -n "__fish_netstat_agentx_using_subcommand check; and not __fish_seen_subcommand_from limits listeners" -l state -l conn-status -d 'State of the sockets, more than once if need be [default: all]' -r -f -a "all\t'All of them'
established\t'Open; of UDP, with a peer'
syn_sent\t'Connecting'
syn_recv\t'Being connected to'
fin_wait1\t'Closed at this end, not acknowledged yet'
fin_wait2\t'Closed at this end, waiting for the other'
time_wait\t'Closed, waiting for stray segments to die out'
close\t'Neither open nor listening'
close_wait\t'Closed by the other end, waiting for the program at this one'
last_ack\t'Closed by both, this end\'s FIN not acknowledged yet'
listen\t'Waiting for connections'
closing\t'Closed by both at the same time'
none\t'Every UDP socket'"
complete -c netstat-agentx -n "__fish_netstat_agentx_using_subcommand check; and not __fish_seen_subcommand_from limits listeners" -s w -l warning -d 'Warn if a number of sockets is not in this range' -r
complete -c netstat-agentx -n "__fish_netstat_agentx_using_subcommand check; and not __fish_seen_subcommand_from limits listeners" -s c -l critical -d 'Critical if a number of sockets is not in this range' -r
complete -c netstat-agentx -n "__fish_netstat_agentx_using_subcommand check; and not __fish_seen_subcommand_from limits listeners" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c netstat-agentx -n "__fish_netstat_agentx_using_subcommand check; and not __fish_seen_subcommand_from limits listeners" -s V -l version -d 'Print version'
complete -c netstat-agentx -n "__fish_netstat_agentx_using_subcommand check; and not __fish_seen_subcommand_from limits listeners" -f -a "limits" -d 'Compare what is in use with its limit, in percent: orphans, memory, tracked connections, open files and others'
complete -c netstat-agentx -n "__fish_netstat_agentx_using_subcommand check; and not __fish_seen_subcommand_from limits listeners" -f -a "listeners" -d 'Compare the queues of sockets that listen with their limits, and tell which of them drop connections'
complete -c netstat-agentx -n "__fish_netstat_agentx_using_subcommand check; and __fish_seen_subcommand_from limits" -l config -d 'Configuration file [default: /etc/netstat-agentx.toml, if it exists]' -r -F
complete -c netstat-agentx -n "__fish_netstat_agentx_using_subcommand check; and __fish_seen_subcommand_from limits" -l limit -d 'Limit to compare with, more than once if need be [default: all that this host has]' -r -f -a "orphans\t'TCP orphans'
time_wait\t'TCP time wait'
tcp_memory\t'TCP memory'
udp_memory\t'UDP memory'
ipv4_fragments\t'IPv4 fragments'
ipv6_fragments\t'IPv6 fragments'
conntrack\t'tracked connections'
files\t'open files'
ipv4_neighbors\t'IPv4 neighbours'
ipv6_neighbors\t'IPv6 neighbours'
ephemeral_ports\t'ephemeral ports'"
complete -c netstat-agentx -n "__fish_netstat_agentx_using_subcommand check; and __fish_seen_subcommand_from limits" -s w -l warning -d 'Warn if a percentage is not in this range [default: by limit]' -r
complete -c netstat-agentx -n "__fish_netstat_agentx_using_subcommand check; and __fish_seen_subcommand_from limits" -s c -l critical -d 'Critical if a percentage is not in this range [default: by limit]' -r
complete -c netstat-agentx -n "__fish_netstat_agentx_using_subcommand check; and __fish_seen_subcommand_from limits" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c netstat-agentx -n "__fish_netstat_agentx_using_subcommand check; and __fish_seen_subcommand_from limits" -s V -l version -d 'Print version'
complete -c netstat-agentx -n "__fish_netstat_agentx_using_subcommand check; and __fish_seen_subcommand_from listeners" -l config -d 'Configuration file [default: /etc/netstat-agentx.toml, if it exists]' -r -F
complete -c netstat-agentx -n "__fish_netstat_agentx_using_subcommand check; and __fish_seen_subcommand_from listeners" -l listener -d 'Listener to check, more than once if need be: a port, an endpoint, the path of a Unix socket, a unit [default: all]' -r
complete -c netstat-agentx -n "__fish_netstat_agentx_using_subcommand check; and __fish_seen_subcommand_from listeners" -s w -l warning -d 'Warn if the percentage of a queue is not in this range [default: 80]' -r
complete -c netstat-agentx -n "__fish_netstat_agentx_using_subcommand check; and __fish_seen_subcommand_from listeners" -s c -l critical -d 'Critical if the percentage of a queue is not in this range [default: 95]' -r
complete -c netstat-agentx -n "__fish_netstat_agentx_using_subcommand check; and __fish_seen_subcommand_from listeners" -l drops-warning -d 'Warn if the connections that a listener drops in a second are not in this range [default: 1]' -r
complete -c netstat-agentx -n "__fish_netstat_agentx_using_subcommand check; and __fish_seen_subcommand_from listeners" -l drops-critical -d 'Critical if the connections that a listener drops in a second are not in this range [default: none]' -r
complete -c netstat-agentx -n "__fish_netstat_agentx_using_subcommand check; and __fish_seen_subcommand_from listeners" -l seconds -d 'For how long to look at the drops; 0: not at all [default: 2]' -r
complete -c netstat-agentx -n "__fish_netstat_agentx_using_subcommand check; and __fish_seen_subcommand_from listeners" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c netstat-agentx -n "__fish_netstat_agentx_using_subcommand check; and __fish_seen_subcommand_from listeners" -s V -l version -d 'Print version'
complete -c netstat-agentx -n "__fish_netstat_agentx_using_subcommand mib" -l config -d 'Configuration file [default: /etc/netstat-agentx.toml, if it exists]' -r -F
complete -c netstat-agentx -n "__fish_netstat_agentx_using_subcommand mib" -l base-oid -d 'Put the module under this OID [default: that of the configuration]' -r
complete -c netstat-agentx -n "__fish_netstat_agentx_using_subcommand mib" -l capabilities -d 'Print LINUX-NETSTAT-CAPS-MIB instead, which says what is served of which module; it is the same for every OID'
complete -c netstat-agentx -n "__fish_netstat_agentx_using_subcommand mib" -s h -l help -d 'Print help'
complete -c netstat-agentx -n "__fish_netstat_agentx_using_subcommand check-config" -l config -d 'Configuration file [default: /etc/netstat-agentx.toml, if it exists]' -r -F
complete -c netstat-agentx -n "__fish_netstat_agentx_using_subcommand check-config" -s h -l help -d 'Print help'
complete -c netstat-agentx -n "__fish_netstat_agentx_using_subcommand trace-instance; and not __fish_seen_subcommand_from prepare remove help" -s h -l help -d 'Print help'
complete -c netstat-agentx -n "__fish_netstat_agentx_using_subcommand trace-instance; and not __fish_seen_subcommand_from prepare remove help" -f -a "prepare" -d 'Make it anew, with buffers of the configured size, and nothing recorded yet'
complete -c netstat-agentx -n "__fish_netstat_agentx_using_subcommand trace-instance; and not __fish_seen_subcommand_from prepare remove help" -f -a "remove" -d 'Remove it, if it is there'
complete -c netstat-agentx -n "__fish_netstat_agentx_using_subcommand trace-instance; and not __fish_seen_subcommand_from prepare remove help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c netstat-agentx -n "__fish_netstat_agentx_using_subcommand trace-instance; and __fish_seen_subcommand_from prepare" -l config -d 'Configuration file [default: /etc/netstat-agentx.toml, if it exists]' -r -F
complete -c netstat-agentx -n "__fish_netstat_agentx_using_subcommand trace-instance; and __fish_seen_subcommand_from prepare" -l user -d 'Who may read it and switch it on: a name or a number of /etc/passwd' -r
complete -c netstat-agentx -n "__fish_netstat_agentx_using_subcommand trace-instance; and __fish_seen_subcommand_from prepare" -s h -l help -d 'Print help'
complete -c netstat-agentx -n "__fish_netstat_agentx_using_subcommand trace-instance; and __fish_seen_subcommand_from remove" -s h -l help -d 'Print help'
complete -c netstat-agentx -n "__fish_netstat_agentx_using_subcommand trace-instance; and __fish_seen_subcommand_from help" -f -a "prepare" -d 'Make it anew, with buffers of the configured size, and nothing recorded yet'
complete -c netstat-agentx -n "__fish_netstat_agentx_using_subcommand trace-instance; and __fish_seen_subcommand_from help" -f -a "remove" -d 'Remove it, if it is there'
complete -c netstat-agentx -n "__fish_netstat_agentx_using_subcommand trace-instance; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c netstat-agentx -n "__fish_netstat_agentx_using_subcommand help; and not __fish_seen_subcommand_from run show walk get explain resets check mib check-config trace-instance help" -f -a "run" -d 'Run the subagent in the foreground, logging to stderr'
complete -c netstat-agentx -n "__fish_netstat_agentx_using_subcommand help; and not __fish_seen_subcommand_from run show walk get explain resets check mib check-config trace-instance help" -f -a "show" -d 'Show sockets by state, UDP, memory against limits, and listeners with a queue; needs no snmpd'
complete -c netstat-agentx -n "__fish_netstat_agentx_using_subcommand help; and not __fish_seen_subcommand_from run show walk get explain resets check mib check-config trace-instance help" -f -a "walk" -d 'Print what a manager would get from a walk of a subtree, as \'snmpwalk -On\' prints it; needs no snmpd'
complete -c netstat-agentx -n "__fish_netstat_agentx_using_subcommand help; and not __fish_seen_subcommand_from run show walk get explain resets check mib check-config trace-instance help" -f -a "get" -d 'Print what a manager would get for single instances; needs no snmpd'
complete -c netstat-agentx -n "__fish_netstat_agentx_using_subcommand help; and not __fish_seen_subcommand_from run show walk get explain resets check mib check-config trace-instance help" -f -a "explain" -d 'Say what a kernel counter means, where it sits in the MIB, and what to do when it grows'
complete -c netstat-agentx -n "__fish_netstat_agentx_using_subcommand help; and not __fish_seen_subcommand_from run show walk get explain resets check mib check-config trace-instance help" -f -a "resets" -d 'Show which ports reset connections, which way and why, live, most frequent first; needs root, but no snmpd'
complete -c netstat-agentx -n "__fish_netstat_agentx_using_subcommand help; and not __fish_seen_subcommand_from run show walk get explain resets check mib check-config trace-instance help" -f -a "check" -d 'Compare numbers of sockets with ranges, or what is in use with its limits, as a plugin of Nagios or Icinga; needs no snmpd'
complete -c netstat-agentx -n "__fish_netstat_agentx_using_subcommand help; and not __fish_seen_subcommand_from run show walk get explain resets check mib check-config trace-instance help" -f -a "mib" -d 'Print the MIB module LINUX-NETSTAT-MIB, or LINUX-NETSTAT-CAPS-MIB'
complete -c netstat-agentx -n "__fish_netstat_agentx_using_subcommand help; and not __fish_seen_subcommand_from run show walk get explain resets check mib check-config trace-instance help" -f -a "check-config" -d 'Say whether a configuration is good'
complete -c netstat-agentx -n "__fish_netstat_agentx_using_subcommand help; and not __fish_seen_subcommand_from run show walk get explain resets check mib check-config trace-instance help" -f -a "trace-instance" -d 'Make or remove the trace instance that the systemd unit records resets in; needs root'
complete -c netstat-agentx -n "__fish_netstat_agentx_using_subcommand help; and not __fish_seen_subcommand_from run show walk get explain resets check mib check-config trace-instance help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c netstat-agentx -n "__fish_netstat_agentx_using_subcommand help; and __fish_seen_subcommand_from check" -f -a "limits" -d 'Compare what is in use with its limit, in percent: orphans, memory, tracked connections, open files and others'
complete -c netstat-agentx -n "__fish_netstat_agentx_using_subcommand help; and __fish_seen_subcommand_from check" -f -a "listeners" -d 'Compare the queues of sockets that listen with their limits, and tell which of them drop connections'
complete -c netstat-agentx -n "__fish_netstat_agentx_using_subcommand help; and __fish_seen_subcommand_from trace-instance" -f -a "prepare" -d 'Make it anew, with buffers of the configured size, and nothing recorded yet'
complete -c netstat-agentx -n "__fish_netstat_agentx_using_subcommand help; and __fish_seen_subcommand_from trace-instance" -f -a "remove" -d 'Remove it, if it is there'
