# What the plugins snmp__lns_* have in common; each of them says only what it draws.
package LinuxNetstat;

use strict;
use warnings;
use Munin::Plugin;
use Munin::Plugin::SNMP;

# Does what the first argument of the plugin asks for. The graph has
#   needs    OID of an instance that only the subagent serves
#   title, unit, about
#   rate     whether the lines are counters
#   stacked  whether they add up
#   lines    of each the field's name, oid, label, info, and perhaps warning and critical, which are percent if
#            there is a limit, the OID of what they are percent of
sub run {
    my %graph = @_;
    my $mode = $ARGV[0] || '';
    if ($mode eq 'snmpconf') { snmpconf(%graph) }
    elsif ($mode eq 'config') { config(%graph) }
    else { fetch(%graph) }
    return;
}

# An agent answers for what it does not have as well, with a text: hence the digit. The first line stands for all of
# them, since a kernel may lack some.
sub snmpconf {
    my %graph = @_;
    print "require $_ [0-9]\n" for $graph{needs}, $graph{lines}[0]{oid};
    return;
}

sub config {
    my %graph = @_;
    my ($host) = Munin::Plugin::SNMP->config_session();
    my $unit = $graph{rate} ? "$graph{unit} per \${graph_period}" : $graph{unit};
    print "host_name $host\n" unless $host eq 'localhost';
    print "graph_title $graph{title}\n";
    print "graph_category network\n";
    print "graph_args --base 1000 --lower-limit 0\n";
    # Of rates some are far below 1, which Munin writes as so many m.
    print "graph_scale no\n" unless $graph{rate};
    print "graph_vlabel $unit\n";
    print "graph_info $graph{about}\n";
    my @limits = grep { defined } map { $_->{limit} } @{ $graph{lines} };
    my %limit = @limits ? get(@limits) : ();
    for my $line (@{ $graph{lines} }) {
        my $field = $line->{name};
        print "$field.label $line->{label}\n";
        print "$field.info $line->{info}\n";
        print "$field.type ", $graph{rate} ? 'DERIVE' : 'GAUGE', "\n";
        print "$field.min 0\n";
        print "$field.draw AREASTACK\n" if $graph{stacked};
        my ($warning, $critical) = @{$line}{qw(warning critical)};
        if ($line->{limit}) {
            # A host that does not tell the limit has no thresholds.
            my $limit = $limit{ $line->{limit} };
            $_ = defined $limit ? int($limit * $_ / 100) : undef for $warning, $critical;
        }
        print_thresholds($field, undef, undef, $warning, $critical);
    }
    return;
}

sub fetch {
    my %graph = @_;
    my %value = get(map { $_->{oid} } @{ $graph{lines} });
    for my $line (@{ $graph{lines} }) {
        my $value = $value{ $line->{oid} };
        print "$line->{name}.value ", defined $value ? $value : 'U', "\n";
    }
    return;
}

# The numbers that there are, by OID, in one request.
sub get {
    my @oids = @_;
    my $session = Munin::Plugin::SNMP->session();
    my $response;
    until ($response = $session->get_request(-varbindlist => \@oids)) {
        # SNMPv1 (status 2 is noSuchName) refuses all of them for one that is not there, such as a 64-bit counter.
        my $refused = $session->error_status == 2 ? $session->error_index : 0;
        if (!$refused) {
            warn $session->error, "\n";
            last;
        }
        splice @oids, $refused - 1, 1;
        last unless @oids;
    }
    $session->close;
    return map { $_ => $response->{$_} } grep { $response->{$_} =~ /^\d+$/ } keys %{ $response || {} };
}

1;
