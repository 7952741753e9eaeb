"""What Zabbix watches: hosts of snmpd and netstat-agentx in the network namespace of another process, some of them on a
/proc of files that the tests write."""

import os
import pathlib
import shutil
import signal
import subprocess
import threading
import typing

from stack import Processes, until

ADDRESS = "192.0.2.1"
"""Of the namespace that is watched; 192.0.2.2 is the one that Zabbix runs in."""

EPHEMERAL = 32768
"""The first of a thousand ephemeral ports that a Tree has."""

USER = {"name": "watcher", "authentication": "authentication-1", "privacy": "privacy-12"}
"""For SNMPv3."""


class Socket(typing.NamedTuple):
    """A row of net/tcp: state, local port, receive queue, and where it needs them the peer, as the kernel writes it, and
    how often it sent something again."""

    state: str
    port: int
    queue: int = 0
    peer: str = ""
    retransmits: int = 0

    def line(self, number):
        peer = self.peer or ("00000000:0000" if self.state == "0A" else "020200C0:%04X" % (1024 + number % 60000))
        timer = f"{1 if self.retransmits else 0:02X}:00000000 {self.retransmits:08X}"
        return (f"{number:4}: 0100007F:{self.port:04X} {peer} {self.state} 00000000:{self.queue:08X} {timer}"
                f"     0        0 {1000 + number} 1 0000000000000000 100 0 0 10 0")


class Namespace:
    """The network namespace of a process, joined to ours by a pair of virtual interfaces."""

    def __init__(self, pid):
        self.prefix = ["nsenter", "-t", str(pid), "-n"]
        run = subprocess.check_call
        run(["ip", "link", "add", "zabbix", "type", "veth", "peer", "name", "watched", "netns",
             f"/proc/{pid}/ns/net"])
        for address, device, prefix in (("192.0.2.2", "zabbix", []), (ADDRESS, "watched", self.prefix)):
            run([*prefix, "ip", "address", "add", f"{address}/30", "dev", device])
            run([*prefix, "ip", "link", "set", device, "up"])

    def output(self, *command):
        return subprocess.check_output([*self.prefix, *command], text=True)


class Host:
    """A private snmpd on a port of its own, and the subagent."""

    # In a mount namespace of its own: whatever the machine has mounted, tracefs is there or it is not.
    MOUNTS = """umount -q -l /sys/kernel/tracing /sys/kernel/debug
        [ $0 = no ] || mount -t tracefs tracefs /sys/kernel/tracing
        exec "$@" """

    def __init__(self, namespace, folder, name, port, program, configuration="", tracefs=False):
        self.tracefs = "tracefs" if tracefs else "no"
        self.namespace, self.program, self.name, self.port = namespace, program, name, port
        self.folder = pathlib.Path(folder) / name
        self.folder.mkdir()
        self.processes = {"snmpd": Processes(self.folder), "agent": Processes(self.folder)}
        self.socket = self.folder / "master"
        (self.folder / "snmpd.conf").write_text(
            f"agentaddress udp:{ADDRESS}:{port}\nrocommunity public\n"
            f"createUser {USER['name']} SHA-256 {USER['authentication']} AES {USER['privacy']}\n"
            f"rouser {USER['name']} authpriv\nmaster agentx\nagentXSocket unix:{self.socket}\n"
        )
        self.configure(configuration)

    def configure(self, configuration):
        """What the subagent is to do from its start or the next signal on."""
        (self.folder / "netstat-agentx.toml").write_text(
            f'[agentx]\naddress = "unix:{self.socket}"\n{configuration}\n'
        )

    def start(self, which):
        command = {
            "snmpd": ["snmpd", "-f", "-C", "-I", "-smux", "-c", self.folder / "snmpd.conf", "-Lf", self.folder / "snmpd.log"],
            "agent": ["unshare", "-m", "sh", "-c", self.MOUNTS, self.tracefs, self.program, "run", "--config", self.folder / "netstat-agentx.toml"],
        }
        environment = {**os.environ, "SNMP_PERSISTENT_DIR": str(self.folder), "MIBS": "",
                       "PATH": os.environ["PATH"] + ":/usr/sbin"}
        self.processes[which].start(which, [*self.namespace.prefix, *command[which]], env=environment)
        if which == "snmpd":
            until(f"snmpd of {self.name} makes its socket", self.socket.exists, 20, 0.1)

    def reconfigure(self, configuration):
        self.configure(configuration)
        self.processes["agent"].signal(signal.SIGHUP)

    def stop(self, *which):
        for each in which or ("agent", "snmpd"):
            self.processes[each].stop()


class Tree:
    """A copy of a captured /proc whose counters run and whose sockets can be set."""

    def __init__(self, source, root, namespace_of):
        shutil.copytree(source, root)
        self.root = pathlib.Path(root)
        self.net = self.root / "1/net"
        # The limits, and the range of ports, count only where the root is of the reader's own namespace.
        (self.root / "1/ns").mkdir()
        os.symlink(os.readlink(f"/proc/{namespace_of}/ns/net"), self.root / "1/ns/net")
        self.limits = self.root / "sys/net/ipv4"
        self.limits.mkdir(parents=True, exist_ok=True)
        self.tracked = self.root / "sys/net/netfilter"
        self.tracked.mkdir(exist_ok=True)
        (self.tracked / "nf_conntrack_max").write_text("1000\n")
        for name, text in (("tcp_mem", "1000\t2000\t4000"), ("udp_mem", "1000\t2000\t4000"),
                           ("tcp_max_orphans", "1000"), ("tcp_max_tw_buckets", "1000"),
                           ("ip_local_port_range", f"{EPHEMERAL}\t{EPHEMERAL + 999}"), ("ip_local_reserved_ports", "")):
            (self.limits / name).write_text(f"{text}\n")
        # The sockets are those that are set, over IPv4.
        (self.net / "tcp6").write_text((self.net / "tcp6").read_text().splitlines()[0] + "\n")
        self.rates, self.counts = {}, {}
        self.ended = threading.Event()
        self.lock = threading.Lock()
        self.running = threading.Thread(target=self.run, daemon=True)

    def run(self):
        """Lets the counters grow, four times a second."""
        while not self.ended.wait(0.25):
            with self.lock:
                for name, rate in self.rates.items():
                    self.counts[name] = self.counts.get(name, 0) + rate / 4
                self.write_counters()

    def write_counters(self):
        for file in {file for file, _, _ in self.counts}:
            lines = (self.net / file).read_text().splitlines()
            for (of, group, name), count in self.counts.items():
                if of == file:
                    set_counter(lines, group, name, int(count))
            self.write(file, "\n".join(lines) + "\n")

    def write(self, file, text):
        """Puts a file in place at once, as the kernel shows none that is half written."""
        fresh = self.root / "fresh"
        fresh.write_text(text)
        fresh.rename(self.net / file)

    def set(self, rates, tcp, sockstat):
        """`rates` by file, group and name; `tcp` a Socket for each row; `sockstat` lines. As many connections are tracked
        as there are in TIME_WAIT."""
        rows = ["  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode"]
        rows += [socket.line(number) for number, socket in enumerate(tcp)]
        with self.lock:
            self.rates = dict(rates)
            for name in rates:
                self.counts.setdefault(name, 0)
            self.write("tcp", "\n".join(rows) + "\n")
            self.write("sockstat", sockstat)
            (self.tracked / "nf_conntrack_count").write_text(sockstat.split(" tw ")[1].split()[0] + "\n")

    def stop(self):
        self.ended.set()
        if self.running.ident is not None:
            self.running.join()


def set_counter(lines, group, name, count):
    """In the lines of snmp or netstat (a line of names, then one of figures) or of snmp6 (a name and a figure); drops of
    the first CPU in softnet_stat (no names), and of the first UDP socket at an address in udp (the last column); of the
    first CPU in a file of stat (names, then hexadecimal figures)."""
    if group == "Softnet":
        processed, _, rest = lines[0].split(" ", 2)
        lines[0] = f"{processed} {count:08x} {rest}"
        return
    if group == "stat":
        figures = lines[1].split()
        figures[lines[0].split().index(name)] = f"{count:08x}"
        lines[1] = " ".join(figures)
        return
    for number, line in enumerate(lines):
        names = line.split()
        if group == "drops" and names[1] == name:
            lines[number] = f"{line.rstrip().rsplit(' ', 1)[0]} {count}"
            return
        if names[0] == f"{group}{name}":
            lines[number] = f"{names[0]:<32}\t{count}"
            return
        if names[0] == f"{group}:" and name in names:
            figures = lines[number + 1].split()
            figures[names.index(name)] = str(count)
            lines[number + 1] = " ".join(figures)
            return
    raise AssertionError(f"no {group} {name}")
