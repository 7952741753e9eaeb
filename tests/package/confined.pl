# Tries what a program in the unit must not be able to do, and prints each thing that it could; "tried" at the end.
use strict;
use warnings;
use Errno qw(EPERM);
use POSIX ();
use Socket;

# Files that only root may write, and a socket of a service of root's.
my @parameters = grep { ((stat)[2] // 0) & 0200 } glob '/sys/module/*/parameters/*';
my $tracing = '/sys/kernel/tracing';
for my $path (
    '/sys/power/state', @parameters, '/proc/sys/kernel/core_pattern', '/proc/sysrq-trigger', '/etc/netstat-agentx.toml',
    "$tracing/uprobe_events", "$tracing/buffer_size_kb", "$tracing/trace_marker", "$tracing/set_event",
    "$tracing/events/enable", "$tracing/events/tcp/enable", "$tracing/events/tcp/tcp_send_reset/trigger",
) {
    print "could write $path\n" if open(my $file, '>>', $path);
}
for my $folder ('/run', '/etc', '/usr', '/sys/kernel/tracing/instances') {
    next unless mkdir "$folder/made";
    print "could make a folder in $folder\n";
    rmdir "$folder/made";
}
socket(my $socket, PF_UNIX, SOCK_STREAM, 0) or die $!;
print "could connect to a socket of root's\n" if connect($socket, pack_sockaddr_un('/run/root.socket'));

# Calls that do nothing, with what would make them fail otherwise: the filter says EPERM (SystemCallErrorNumber=), the
# kernel says something else. Without CAP_SYS_PTRACE they reach nobody else. The numbers are those of x86-64.
my %calls = (
    process_vm_readv => [310, $$, 0, 0, 0, 0, 0],
    process_vm_writev => [311, $$, 0, 0, 0, 0, 0],
    kcmp => [312, $$, $$, 0, 0, 0],
    process_madvise => [440, -1, 0, 0, 0, 0],
    process_mrelease => [448, -1, 0],
    pidfd_getfd => [438, -1, 0, 0],
    perf_event_open => [298, 0, -1, -1, -1, 0],
    ptrace => [101, -1, $$, 0, 0],
);
open(my $status, '<', '/proc/self/status') or die $!;
my ($capabilities) = join('', <$status>) =~ /^CapEff:\s*(\w+)/m;
if ((POSIX::uname())[4] eq 'x86_64' && hex($capabilities) & 1 << 19) {
    for my $name (sort keys %calls) {
        my ($number, @arguments) = @{$calls{$name}};
        $! = 0;
        my $result = syscall($number, @arguments);
        print "could call $name\n" unless $result < 0 && $! == EPERM;
    }
}
print "tried\n";
