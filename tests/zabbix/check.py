"""The template in a real Zabbix: imported twice, linked to hosts, its values, discovery, triggers and graphs checked.

Run by tests/consumers/zabbix.rs in a network namespace of its own; sockets in every state are opened by that test in the namespace
of the process --namespace, when it reads `ready` here, and a line on standard input says that they are.
"""

import argparse
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import time

import blamed
import culprits
import scripts
from monitored import ADDRESS, EPHEMERAL, USER, Host, Namespace, Socket, Tree
from stack import Zabbix, until

TEMPLATE = "Linux netstat by SNMP"

# Everything is asked for every two seconds instead of every minute, and periods are as much shorter.
HASTE = {
    "INTERVAL": "2s", "DISCOVERY.INTERVAL": "5s", "PERIOD": "6s", "RECOVERY": "6s", "BASELINE": "2m",
    "CLOSE_WAIT.PERIOD": "6s", "NODATA": "30s",
}

# ss's words for the states, as lnsTcpState has them.
STATES = {
    "UNCONN": "closed", "LISTEN": "listen", "SYN-SENT": "synSent", "SYN-RECV": "synReceived", "ESTAB": "established",
    "FIN-WAIT-1": "finWait1", "FIN-WAIT-2": "finWait2", "CLOSE-WAIT": "closeWait", "LAST-ACK": "lastAck",
    "CLOSING": "closing", "TIME-WAIT": "timeWait",
}

# Which triggers are to fire at which load; together they are all that there are.
MILD = {
    "TCP sockets in CLOSE_WAIT keep growing", "Many half-open TCP connections (SYN_RECV)",
    "Many TCP sockets in TIME_WAIT", "Sockets in TIME_WAIT were destroyed at the limit", "Many orphaned TCP sockets",
    "TCP memory is under pressure", "TCP connections were reset for lack of memory", "Accept queue overflows",
    "Connections dropped at listeners", "SYNs dropped at a full SYN queue", "SYN cookies sent for a full SYN queue",
    "TCP connection attempts fail", "Many TCP segments are retransmitted",
    "UDP datagrams lost to full receive buffers", "UDP datagrams lost to full send buffers",
    "UDP datagrams over IPv6 lost to full receive buffers", "UDP datagrams over IPv6 lost to full send buffers",
    "Packets dropped at a full backlog queue of a CPU", "UDP 0.0.0.0:9000 drops datagrams", "Port 80: data unread",
    "Port 80: stalled connections", "192.0.2.7:5432 uses up the ephemeral ports",
    "Many tracked connections (conntrack)", "The ARP table overflows", "The neighbour table of IPv6 overflows",
}
SEVERE = {
    "Many TCP sockets in CLOSE_WAIT", "TIME_WAIT is near its limit", "Very many orphaned TCP sockets",
    "TCP memory is near its limit", "UDP memory is near its limit", "Accept queue overflows: many",
    "Connections dropped at listeners: many", "SYNs dropped at a full SYN queue: many",
    "SYN cookies sent for a full SYN queue: many", "Surge of TCP resets sent",
    "Surge of established TCP connections reset", "Surge of failed TCP connection attempts",
    "netstat-agentx answers from old figures", "Port 80: many sockets in CLOSE_WAIT",
    "Listener 127.0.0.1:80: connections wait to be accepted", "Packets dropped at a full backlog queue of a CPU: many",
    "Ephemeral ports towards a destination are nearly used up", "Connection tracking is near its limit",
    "192.0.2.7:5432 has nearly used up the ephemeral ports",
}
# What a person reads of those that are about something discovered, at mild load.
NAMED = (r"UDP 0\.0\.0\.0:9000 drops \d+ datagrams/s", r"Port 80: 32 MB unread", r"Port 80: 25 stalled connections",
         r"192\.0\.2\.7:5432 uses 85 % of the ephemeral ports")
DAMAGED = {f"netstat-agentx cannot read all of the source {source}" for source in ("counters", "sockstat", "tcp", "udp", "resets")}
# Of what sock_diag says: nothing here makes a kernel break a dump off.
UNPROVOKED = {f"netstat-agentx cannot read all of the source {source}" for source in ("listeners", "unix", "owners")}
SILENT = {"SNMP agent (snmpd) does not answer", "netstat-agentx does not answer"}
# Items that have a value only where resets are traced.
OF_TRACING = {'netstat.rate[lnsResetLostEvents]', 'netstat[lnsAgentSourceRefreshTime.resets]'}
RESTARTED = "netstat-agentx was restarted"

# Resets are those of all network namespaces; nobody else knocks here.
KNOCKED = 7998
KNOCK = f"""
import socket, time
while True:
    try:
        socket.create_connection(("127.0.0.1", {KNOCKED}))
    except ConnectionRefusedError:
        time.sleep(0.25)
"""


# Of the UDP endpoint 0.0.0.0:9000, by its address in net/udp.
UDP_DROPS = ("udp", "drops", "00000000:2328")


def load(listen, fails, resets, segments, udp):
    """Rates of the counters that triggers look at."""
    tcp_ext = ("ListenOverflows", "ListenDrops", "TCPReqQFullDrop", "TCPReqQFullDoCookies")
    rates = {("netstat", "TcpExt", name): listen for name in tcp_ext}
    rates |= {("netstat", "TcpExt", name): listen for name in ("TCPTimeWaitOverflow", "TCPAbortOnMemory")}
    rates |= {("snmp", "Tcp", name): resets for name in ("OutRsts", "EstabResets")}
    rates |= {("snmp", "Tcp", "AttemptFails"): fails, ("snmp", "Tcp", "OutSegs"): segments,
              ("snmp", "Tcp", "RetransSegs"): segments / 10}
    for name in ("RcvbufErrors", "SndbufErrors"):
        rates |= {("snmp", "Udp", name): udp, ("snmp6", "Udp6", name): udp}
    rates |= {(f"stat/{table}", "stat", "table_fulls"): listen for table in ("arp_cache", "ndisc_cache")}
    return rates | {("softnet_stat", "Softnet", "Dropped"): listen, UDP_DROPS: udp}


def sockstat(orphans, time_wait, tcp_memory, udp_memory):
    """Of limits that Tree sets to 1000 sockets and 4000 pages."""
    return (f"sockets: used 15\nTCP: inuse 6 orphan {orphans} tw {time_wait} alloc 10 mem {tcp_memory}\n"
            f"UDP: inuse 5 mem {udp_memory}\nUDPLITE: inuse 0\nRAW: inuse 0\nFRAG: inuse 0 memory 0\n")


def rows(close_wait, syn_recv, queue, outgoing, others=0, unread=0, stalled=0):
    """Sockets of one listener, port 80, and outgoing ones: to a destination that is watched and to one with too few."""
    few, many = ([Socket("01", EPHEMERAL + number, peer=f"070200C0:{port:04X}") for number in range(count)]
                 for port, count in ((389, 49), (5432, outgoing)))
    return [Socket("0A", 80, queue), *[Socket("08", 80)] * close_wait, *[Socket("03", 80)] * syn_recv,
            *[Socket("01", 80)] * others, Socket("01", 80, unread), *[Socket("01", 80, retransmits=5)] * stalled,
            *few, *many]


CALM_LOAD = (load(0, 0, 0, 200, 0) | {("snmp", "Tcp", "RetransSegs"): 0}, rows(2, 0, 0, 60), sockstat(0, 10, 5, 5))
MILD_LOAD = (load(3, 4, 1, 200, 50), rows(30, 250, 3, 850, unread=32 << 20, stalled=25), sockstat(300, 850, 2500, 5))
# So many rows take longer to read than a millisecond.
SEVERE_LOAD = (load(30, 120, 120, 200, 50), rows(600, 250, 90, 960, others=60_000, unread=32 << 20, stalled=25),
               sockstat(600, 990, 3900, 3900))


class Check:
    def __init__(self, arguments, zabbix):
        self.arguments, self.zabbix, self.said = arguments, zabbix, []

    def say(self, text):
        print(f"zabbix: {text}", flush=True)

    def api(self, method, **parameters):
        return self.zabbix.api(method, parameters)

    # The template

    def import_twice(self):
        rules = {"groups": {"createMissing": True, "updateExisting": True},
                 "templates": {"createMissing": True, "updateExisting": True}}
        for what in ("items", "triggers", "graphs", "discoveryRules", "templateDashboards", "valueMaps"):
            rules[what] = {"createMissing": True, "updateExisting": True, "deleteMissing": True}
        text = pathlib.Path(self.arguments.template).read_text()
        form = {"format": "yaml", "rules": rules, "source": text}
        assert self.api("configuration.import", **form)
        compared = self.api("configuration.importcompare", **form)
        assert compared == [] or compared == {}, f"a second import would change {json.dumps(compared)[:2000]}"
        self.template = self.api("template.get", filter={"host": TEMPLATE})[0]["templateid"]
        before = self.everything()
        assert self.api("configuration.import", **form)
        after = self.everything()
        changed = [(was, now) for what in before for was, now in zip(before[what], after[what]) if was != now]
        assert after == before, f"the second import changed {changed[:3]}"
        counted = {what: len(before[what]) for what in before}
        self.say(f"imported twice, the second time without a change: {counted}")

    def everything(self):
        of = {"templateids": self.template, "output": "extend"}
        parts = {"items": "item.get", "triggers": "trigger.get", "graphs": "graph.get", "rules": "discoveryrule.get",
                 "item prototypes": "itemprototype.get", "trigger prototypes": "triggerprototype.get",
                 "graph prototypes": "graphprototype.get"}
        found = {what: sorted(self.api(method, **of), key=lambda each: each["uuid"]) for what, method in parts.items()}
        dashboards = {"templateids": self.template, "output": "extend", "selectPages": "extend"}
        found["dashboards"] = self.api("templatedashboard.get", **dashboards)
        # Zabbix makes pages and widgets anew with every import.
        for page in (page for dashboard in found["dashboards"] for page in dashboard["pages"]):
            del page["dashboard_pageid"]
            for widget in page["widgets"]:
                del widget["widgetid"]
        macros = self.api("usermacro.get", hostids=self.template, output=["macro", "value", "description"])
        found["macros"] = sorted(macros, key=lambda each: each["macro"])
        return found

    # Hosts

    def host(self, name, port, details, **macros):
        group = self.api("hostgroup.get", filter={"name": "Linux servers"})[0]["groupid"]
        macros = [{"macro": f"{{$NETSTAT.{key}}}", "value": value} for key, value in (HASTE | macros).items()]
        interface = {"type": 2, "main": 1, "useip": 1, "ip": ADDRESS, "dns": "", "port": str(port),
                     "details": {"bulk": 1, **details}}
        created = self.api("host.create", host=name, groups=[{"groupid": group}], interfaces=[interface],
                           templates=[{"templateid": self.template}], macros=macros)
        return created["hostids"][0]

    def values(self, host, search=None):
        """Latest values by key, of the items that have one."""
        items = self.api("item.get", hostids=host, output=["key_", "lastvalue", "lastclock"],
                         **({"search": {"key_": search}} if search else {}))
        return {item["key_"]: item["lastvalue"] for item in items if item["lastclock"] != "0"}

    def problems(self, host):
        triggers = self.api("trigger.get", hostids=host, filter={"value": 1}, output=["description"],
                            expandDescription=True)
        return {trigger["description"] for trigger in triggers}

    def no_unsupported(self, host, name):
        def unsupported():
            of = {"hostids": host, "filter": {"state": 1}, "output": ["key_", "error"]}
            return [(one["key_"], one["error"])
                    for method in ("item.get", "discoveryrule.get") for one in self.api(method, **of)]
        try:
            # Some may be so from before the subagent ran, until they are asked for again.
            until("all is supported", lambda: not unsupported(), 20)
        except AssertionError:
            raise AssertionError(f"{name}: not supported: {unsupported()[:10]}") from None

    # Real sockets

    def ss(self):
        """Sockets by family and state, and by port and state for the ports with a listener, as ss counts them."""
        families, ports, listeners = {}, {}, {}
        for flag, family in (("-4", "ipv4"), ("-6", "ipv6")):
            for line in self.namespace.output("ss", flag, "-tanH").splitlines():
                word, _, _, local, *_ = line.split()
                state, port = STATES[word], local.rsplit(":", 1)[1]
                for each in (family, "all"):
                    families[each, state] = families.get((each, state), 0) + 1
                ports[port, state] = ports.get((port, state), 0) + 1
                if state == "listen":
                    # ss writes any address as * or [::], and names no family there.
                    address = {"*": "[::]"}.get(local.rsplit(":", 1)[0], local.rsplit(":", 1)[0])
                    listeners[f"{address}:{port}"] = listeners.get(f"{address}:{port}", 0) + 1
        heard = {endpoint.rsplit(":", 1)[1] for endpoint in listeners}
        return families, {key: count for key, count in ports.items() if key[0] in heard}, listeners

    def states_equal_ss(self, host):
        def differing():
            families, ports, listeners = self.ss()
            expected = {f"netstat[lnsTcpStateSockets.{family}.{state}]": families.get((family, state), 0)
                        for family in ("all", "ipv4", "ipv6") for state in STATES.values()}
            for endpoint, count in listeners.items():
                expected[f'netstat.listener["{endpoint}",sockets]'] = count
                port = endpoint.rsplit(":", 1)[1]
                for state in STATES.values():
                    expected[f"netstat.port[{port},{state}]"] = ports.get((port, state), 0)
            got = self.values(host)
            self.seen = families, ports, listeners
            return {key: (got.get(key), count) for key, count in expected.items() if got.get(key) != str(count)}
        deadline = time.monotonic() + 50
        while wrong := differing():
            assert time.monotonic() < deadline, f"not as in ss (Zabbix, ss): {wrong}"
            time.sleep(1)
        families, ports, listeners = self.seen
        lacking = [(family, state) for family in ("ipv4", "ipv6") for state in STATES.values()
                   if not families.get((family, state)) and state != "closed"]
        assert not lacking, f"no socket in {lacking}"
        queues = {key: value for key, value in self.values(host, "netstat.listener").items() if ",queue]" in key}
        assert set(queues) == {f'netstat.listener["{endpoint}",queue]' for endpoint in listeners}
        assert any(int(value) > 0 for value in queues.values()), queues
        self.say(f"as ss has it: {families.get(('all', 'established'))} ESTABLISHED and every other state, all, IPv4 "
                 f"and IPv6; {len(listeners)} listeners discovered; sockets by state of {len(ports)} ports and states")

    def accept_queue(self, host):
        """A threshold lowered on the host makes a real trigger of a discovered listener fire, and raised again ends it."""
        waiting = "connections wait to be accepted"
        self.threshold(host, "ACCEPT_QUEUE.MAX", "0")
        until("an accept queue is over its threshold",
              lambda: any(waiting in problem for problem in self.problems(host)), 40)
        self.threshold(host, "ACCEPT_QUEUE.MAX", "50")
        until("it is over", lambda: not any(waiting in problem for problem in self.problems(host)), 40)
        self.say("accept queue: problem with {$NETSTAT.ACCEPT_QUEUE.MAX} at 0, over at 50")

    def resets(self, host):
        """Somebody knocks at a port where nothing listens: the problem says which port, why, and who it was."""
        tracing = lambda: self.values(host, "lnsResetTracing").get("netstat[lnsResetTracing]")
        until("it is known whether resets are traced", tracing, 40)
        if tracing() != "1":
            self.say("note: resets cannot be traced on this machine, so that their discovery was not tested")
            return
        until("all about tracing has a value", lambda: OF_TRACING <= set(self.values(host)), 40)
        name = f"TCP resets sent, local port {KNOCKED}, NO_SOCKET"
        knocking = subprocess.Popen([*self.namespace.prefix, "python3", "-B", "-c", KNOCK])

        try:
            until("the port that resets is a problem", lambda: f"{name}, last peer 127.0.0.1" in self.names(host), 60)
        finally:
            knocking.kill()
            knocking.wait()
        got = self.values(host, "netstat.resets")
        of = f"sent,local,{KNOCKED},NO_SOCKET]"
        rate = float(got[f"netstat.resets[{of}"])
        assert 1 < rate < 8 and got[f"netstat.resets.peer[{of}"] == "127.0.0.1", got
        until("it is over", lambda: not any(name in problem for problem in self.names(host)), 40)
        self.say(f"resets: a problem '{name}, last peer 127.0.0.1' at {rate:.1f}/s, over when nobody knocks")

    def threshold(self, host, name, value):
        macro = f"{{$NETSTAT.{name}}}"
        there = self.api("usermacro.get", hostids=host, filter={"macro": macro})
        if there:
            self.api("usermacro.update", hostmacroid=there[0]["hostmacroid"], value=value)
        else:
            self.api("usermacro.create", hostid=host, macro=macro, value=value)
        self.zabbix.reload()

    # Requests

    def requests_per_cycle(self, host, port):
        """How many SNMP requests snmpd gets for one round of all items, by its own count."""
        def packets():
            text = self.namespace.output("snmpget", "-v2c", "-c", "public", "-Ovq", "-m", "", f"{ADDRESS}:{port}",
                                         "1.3.6.1.2.1.11.1.0")
            return int(text)
        begun, before = time.monotonic(), packets()
        time.sleep(12)
        # Our own question is one of them.
        cycles = (time.monotonic() - begun) / 2
        each = (packets() - before - 1) / cycles
        items = self.api("item.get", hostids=host, filter={"type": 20}, countOutput=True)
        self.say(f"{each:.1f} requests for each round of {items} SNMP items, discovery every 5 s included")
        assert each < int(items) / 20, f"{each} requests for {items} items: no bulk requests"

    # Triggers

    def storm(self, host, machine, tree):
        """Every trigger fires under the load made for it and recovers."""
        names = {trigger["description"] for trigger in self.api("trigger.get", hostids=host, output=["description"],
                                                               expandDescription=True)}
        tested = MILD | SEVERE | DAMAGED | UNPROVOKED | SILENT | {RESTARTED} | blamed.triggers(self.culprits)
        assert names == tested, f"not tested: {names - tested}; not there: {tested - names}"
        # A past to compare with.
        time.sleep(12)
        assert not self.problems(host), self.problems(host)
        begun = time.monotonic()

        def leaking():
            """A little more in CLOSE_WAIT every time."""
            rates, sockets, lines = MILD_LOAD
            more = min(100, int(time.monotonic() - begun))
            tree.set(rates, sockets + [Socket("08", 80)] * more, lines)
        self.await_problems(host, MILD, "mild load", leaking)
        early = self.problems(host) & SEVERE
        assert not early, f"too early: {early}"
        self.figures(host)
        names = self.names(host)
        lacking = [name for name in NAMED if not any(re.fullmatch(name, each) for each in names)]
        assert not lacking, f"no problem is called {lacking}: {names}"
        self.say(f"mild load: {len(MILD)} triggers in problem state, figures as set")
        machine.reconfigure(self.on_tree + 'answer-within = "1ms"\n')
        tree.set(*SEVERE_LOAD)
        self.await_problems(host, MILD | SEVERE, "severe load")
        self.shown(host)
        self.say(f"severe load: {len(MILD | SEVERE)} triggers in problem state")
        machine.reconfigure(self.on_tree)
        self.gone(host, tree)
        tree.set(*CALM_LOAD)
        until("all problems are over", lambda: not self.problems(host), 60)
        unknown = self.api("trigger.get", hostids=host, filter={"state": 1}, output=["description", "error"])
        assert not unknown, f"triggers that cannot be evaluated: {unknown}"
        self.say("calm: every problem is over, no trigger is unknown")
        saved = {file: (tree.net / file).read_text() for file in ("xfrm_stat", "sockstat", "tcp6", "udp6")}
        with tree.lock:
            tree.write("xfrm_stat", "XfrmInError\tmany\n")
            tree.write("sockstat", saved["sockstat"].replace("orphan 0", "orphan some"))
            tree.write("tcp6", saved["tcp6"] + "   7: nonsense\n")
            tree.write("udp6", saved["udp6"] + "   7: nonsense\n")
        machine.reconfigure(self.on_tree + "[resets]\nenabled = true\n")
        self.await_problems(host, DAMAGED, "damaged files")
        for file, text in saved.items():
            with tree.lock:
                tree.write(file, text)
        machine.reconfigure(self.on_tree)
        until("they are read again", lambda: not self.problems(host), 60)
        self.say("damaged files and no tracefs: five sources in problem state, over when repaired and not wanted")

    def gone(self, host, tree):
        """A destination without connections has no row any more, a UDP endpoint whose sockets are closed and opened anew
        begins at 0: neither stays a problem, and no rate is below zero."""
        rates, _, lines = CALM_LOAD
        tree.set(rates, rows(2, 0, 0, 0), lines)
        with tree.lock:
            tree.counts[UDP_DROPS] = 0
        of_these = lambda: {problem for problem in self.problems(host) if problem.startswith(("192.0.2.7", "UDP 0.0.0.0"))}
        until("the problems of what is gone are over", lambda: not of_these(), 100)
        item = self.api("item.get", hostids=host, filter={"key_": 'netstat.udp["0.0.0.0:9000",drops]'},
                        output=["state"])[0]
        values = [float(each["value"]) for each in self.api("history.get", itemids=item["itemid"], history=0)]
        assert item["state"] == "0" and min(values) == 0 < max(values), (item, values)
        self.say("a destination that is gone and a UDP socket opened anew are no problems, and no drops are below 0")

    def names(self, host):
        """Names of the problems, with the figures in them."""
        return {problem["name"] for problem in self.api("problem.get", hostids=host, output=["name"])}

    def figures(self, host):
        """Rates and percentages, as the load of MILD_LOAD makes them."""
        got = self.values(host)
        exact = {"netstat.percent[lnsSockstatTcpTimeWait]": 85, "netstat.percent[lnsSockstatTcpOrphan]": 30,
                 "netstat.percent[lnsSockstatTcpMem]": 62.5, "netstat.percent[lnsSockstatTcpMem.pressure]": 125,
                 "netstat.percent[lnsSockstatUdpMem]": 0.125, "netstat.state[lnsSockstatTcpMem]": 1,
                 'netstat.listener["127.0.0.1:80",queue]': 3, "netstat.port[80,synReceived]": 250,
                 "netstat[tcpRtoAlgorithm]": 1, "netstat.port[80,unread]": 32 << 20, "netstat.port[80,stalled]": 25,
                 'netstat.destination["192.0.2.7:5432",sockets]': 850,
                 'netstat.destination["192.0.2.7:5432",percent]': 85, "netstat[lnsSockstatEphemeralWorstPercent]": 85}
        wrong = {key: (got.get(key), value) for key, value in exact.items() if float(got.get(key, "nan")) != value}
        assert not wrong, f"(Zabbix, as set): {wrong}"
        few = [key for key in got if "192.0.2.7:389" in key]
        assert not few, f"fewer than 50 connections are not watched: {few}"
        # The reading of a counter that runs is up to a quarter of a second off at both ends of two seconds.
        rates = {"netstat.rate[lnsTcpExtListenDrops]": 3, "netstat.rate[tcpHCOutSegs]": 200,
                 "netstat.rate[tcpRetransSegs]": 20, "netstat.rate[lnsUdp6RcvbufErrors]": 50,
                 'netstat.udp["0.0.0.0:9000",drops]': 50}
        wrong = {key: (got[key], rate) for key, rate in rates.items() if abs(float(got[key]) - rate) > rate / 2}
        assert not wrong, f"(Zabbix, as set): {wrong}"
        started = int(got["netstat[lnsAgentStartTime]"])
        assert 0 < time.time() - started < 600, started

    def await_problems(self, host, expected, when, meanwhile=lambda: None):
        # A surge is over when it has become the past that it is compared with: not all are there at the same time.
        seen = set()

        def fired():
            meanwhile()
            seen.update(self.problems(host))
            return expected <= seen
        try:
            until(when, fired, 60)
        except AssertionError:
            raise AssertionError(f"{when}: did not fire: {expected - seen}") from None

    def shown(self, host):
        """Operational data of the problems: figures with units, no macro left over."""
        problems = self.api("problem.get", hostids=host, output=["name", "opdata"])
        bare = [problem for problem in problems
                if problem["name"] not in SILENT and (not problem["opdata"] or "{" in problem["opdata"]
                                                      or "UNKNOWN" in problem["opdata"])]
        assert problems and not bare, bare

    def silence(self, host, late):
        """A host that comes up step by step: nothing, snmpd without the subagent, both, the subagent started anew."""
        snmpd, agent = "SNMP agent (snmpd) does not answer", "netstat-agentx does not answer"
        until("snmpd is missed", lambda: snmpd in self.problems(host), 90)
        assert self.problems(host) == {snmpd}, self.problems(host)
        late.start("snmpd")
        until("snmpd is back, the subagent is missed", lambda: self.problems(host) == {agent}, 120)
        late.start("agent")
        until("the subagent is there", lambda: not self.problems(host), 90)
        until("its start is known", lambda: self.values(host, "netstat[lnsAgentStartTime]"), 30)
        late.stop("agent")
        # Its start is told in whole seconds.
        time.sleep(2)
        late.start("agent")
        until("its restart is told", lambda: self.events(host, RESTARTED), 60)
        self.say("snmpd missed and not the subagent, then the subagent, then none; the restart is told")

    def events(self, host, name):
        return self.api("event.get", hostids=host, filter={"name": name}, countOutput=True) != "0"

    # What a person sees

    def pictures(self, hosts):
        """Every graph as a PNG, and the widgets of the dashboard."""
        self.zabbix.login()
        drawn = 0
        for host in hosts:
            for graph in self.api("graph.get", hostids=host, output=["name"]):
                image = self.zabbix.page(f"chart2.php?graphid={graph['graphid']}&from=now-5m&to=now&height=200&width=800"
                                         "&profileIdx=web.charts.filter")
                assert image.startswith(b"\x89PNG") and len(image) > 3000, f"{graph['name']}: {image[:200]}"
                drawn += 1
        dashboard = self.api("templatedashboard.get", templateids=self.template, selectPages="extend")[0]
        page = self.zabbix.page(f"zabbix.php?action=host.dashboard.view&hostid={hosts[0]}"
                                f"&dashboardid={dashboard['dashboardid']}").decode()
        for each in dashboard["pages"]:
            assert each["name"] in page, f"no page {each['name']}"
        self.say(f"{drawn} graphs drawn as PNG, a dashboard of {len(dashboard['pages'])} pages")

    def run(self):
        arguments = self.arguments
        folder = self.zabbix.folder
        self.namespace = Namespace(arguments.namespace)
        tree = Tree(f"{arguments.trees}/6.18", folder / "tree", arguments.namespace)
        tree.set(*CALM_LOAD)
        self.on_tree = f'[proc]\nroot = "{tree.root}"\n[refresh]\ncounters-max-age = "100ms"\n' \
                       'sockets-max-age = "100ms"\n'
        old = f'[proc]\nroot = "{arguments.trees}/2.6.32"\n'
        make = lambda name, port, more="", **options: Host(self.namespace, folder, name, port, arguments.program, more,
                                                           **options)
        real, counters, late, ancient = self.machines = [
            make("sockets", 20161, "[resets]\nenabled = true\n", tracefs=True),
            make("counters", 20162, self.on_tree), make("late", 20163), make("ancient", 20164, old)]
        for machine in (real, counters, ancient):
            machine.start("snmpd")
            machine.start("agent")
        tree.running.start()
        self.tree = tree
        self.culprits = culprits.Culprits(self.namespace, folder)
        self.import_twice()
        scripts.items(self)
        scripts.rules(self)
        print("ready", flush=True)
        assert sys.stdin.readline(), "no sockets"
        v2 = {"version": 2, "community": "public"}
        v3 = {"version": 3, "securityname": USER["name"], "securitylevel": 2, "authprotocol": 3,
              "authpassphrase": USER["authentication"], "privprotocol": 1, "privpassphrase": USER["privacy"]}
        real_host = self.host("sockets", 20161, v2, **{
            "RESETS.PORT.MATCHES": f"^{KNOCKED}$", "RESETS.MIN": "1", "OWNER.KIND": "2",
            f'OWNER.CLOSE_WAIT.MAX:"{culprits.PROGRAM}"': "10"})
        counters_host = self.host("counters", 20162, v3, **{
            "UDP_ENDPOINT.MATCHES": "^0\\.0\\.0\\.0:9000$", "OWNER.MATCHES": f"^{re.escape(culprits.UNIT)}$",
            f'OWNER.CLOSE_WAIT.MAX:"{culprits.UNIT}"': "10", "UNIX.MATCHES": f"/{re.escape(culprits.UNIX)}$",
            "RETRANSMITTED.MIN": "1"})
        late_host = self.host("late", 20163, v2, **{"LISTENER.NOT_MATCHES": "."})
        ancient_host = self.host("ancient", 20164, v2)
        self.zabbix.reload()
        self.states_equal_ss(real_host)
        self.accept_queue(real_host)
        self.resets(real_host)
        # The resets of the whole machine are of no account from here on.
        real.reconfigure("")
        self.requests_per_cycle(real_host, 20161)
        wanted = self.api("item.get", templateids=self.template, output=["key_"])
        wanted = {item["key_"] for item in wanted} - OF_TRACING
        until("every item of a host on Linux 6.18 has a value",
              lambda: wanted <= set(self.values(counters_host)), 60)
        self.say(f"all {len(wanted)} items have a value on Linux 6.18, over SNMPv3")
        blamed.named(self, counters_host, real_host, tree, CALM_LOAD)
        self.storm(counters_host, counters, tree)
        self.silence(late_host, late)
        for host, name in ((real_host, "sockets"), (counters_host, "counters"), (late_host, "late"),
                           (ancient_host, "Linux 2.6.32")):
            self.no_unsupported(host, name)
        blamed.nameless(self, ancient_host)
        has = len(wanted & set(self.values(ancient_host)))
        assert 150 < has < len(wanted), has
        self.say(f"no item and no rule is unsupported; on Linux 2.6.32 {has} of {len(wanted)} items have a value")
        self.pictures([real_host, counters_host])

    def stop(self):
        if hasattr(self, "culprits"):
            self.culprits.stop()
        for machine in getattr(self, "machines", []):
            machine.stop()
        if hasattr(self, "tree"):
            self.tree.stop()


def main():
    parser = argparse.ArgumentParser()
    for name in ("namespace", "program", "template", "trees"):
        parser.add_argument(f"--{name}", required=True)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="netstat-agentx-zabbix-", ignore_cleanup_errors=True) as folder:
        begun = time.monotonic()
        zabbix = Zabbix(folder)
        check = Check(arguments, zabbix)
        check.say(f"Zabbix {zabbix.api('apiinfo.version', [])} runs after {time.monotonic() - begun:.0f} s")
        try:
            check.run()
            check.say(f"all well after {time.monotonic() - begun:.0f} s")
        except BaseException:
            zabbix.show_logs()
            raise
        finally:
            check.stop()
            zabbix.stop()


if __name__ == "__main__":
    main()
