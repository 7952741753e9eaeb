"""Programs that do what the discovered triggers are about, in the network namespace that is watched and where possible in a
cgroup that looks like a unit of systemd: one that does not accept, one that does not close, one whose way loses packets.

Run as a program it is those, and does what the lines on its standard input say.
"""

import ctypes
import pathlib
import socket
import subprocess
import sys
import threading

LISTENER = ("127.0.0.1", 80)
"""The one that Tree has as well."""

LEAK = ("127.0.0.1", 7201)
LEAKED = 15

UNIT = "leaky\\x2dtest.service"
"""As systemd writes a dash in the name of a unit."""

PROGRAM = "leaky"

UNIX = "full, [1].sock"
"""The file's name: all of it is to be in keys, names and expressions."""

HOSTILE = "{$NETSTAT.INTERVAL}"
"""What somebody may call an abstract socket, who hopes for the value of a macro."""


class Culprits:
    """The programs, as the tests hold them."""

    def __init__(self, namespace, folder):
        self.path = str(pathlib.Path(folder) / UNIX)
        self.process = subprocess.Popen([*namespace.prefix, "python3", "-B", __file__, self.path],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        told = self.process.stdout.readline().split()
        assert told and told[0] == "listening", "no culprits"
        self.has_unit = told[1] == "unit"

    def do(self, what):
        self.process.stdin.write(f"{what}\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == f"{what}\n", what

    def stop(self):
        # The program leaves its cgroup by itself.
        self.process.stdin.close()
        self.process.wait(20)


class Cgroup:
    """A cgroup that this process is in until `leave`."""

    def __init__(self, path):
        mounts = pathlib.Path("/proc/self/mountinfo").read_text().splitlines()
        root = next((line.split()[4] for line in mounts if " - cgroup2 " in line), None)
        if root is None:
            raise OSError("no cgroup2 file system")
        self.root, self.path = pathlib.Path(root), pathlib.Path(root) / path
        self.path.mkdir(parents=True)
        (self.path / "cgroup.procs").write_text("0")

    def leave(self):
        (self.root / "cgroup.procs").write_text("0")
        path = self.path
        while path != self.root:
            path.rmdir()
            path = path.parent


def listener(family, address, backlog):
    service = socket.socket(family, socket.SOCK_STREAM)
    if family == socket.AF_INET:
        service.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    service.bind(address)
    service.listen(backlog)
    service.setblocking(False)
    return service


def client(family, address):
    """One that does not wait until it is connected."""
    socket_ = socket.socket(family, socket.SOCK_STREAM)
    socket_.setblocking(False)
    socket_.connect_ex(address)
    return socket_


class Trouble:
    def __init__(self, path):
        self.path = path
        self.tcp = listener(socket.AF_INET, LISTENER, 10)
        self.unix = listener(socket.AF_UNIX, path, 5)
        self.hostile = listener(socket.AF_UNIX, f"\0{HOSTILE}", 5)
        self.leak = listener(socket.AF_INET, LEAK, 64)
        self.held, self.rules = [], []
        self.quiet = threading.Event()
        self.knocking = None

    def lose(self):
        """A connection whose acknowledgements do not arrive."""
        far = socket.create_connection(LISTENER, source_address=("127.0.0.2", 0))
        self.tcp.setblocking(True)
        near, _ = self.tcp.accept()
        self.tcp.setblocking(False)
        # The table `local` is looked at first, unless it is moved behind a rule of ours.
        for add, undo in (("add pref 10 lookup local", "del pref 10"), ("del pref 0", "add pref 0 lookup local"),
                          ("add pref 5 from 127.0.0.2 blackhole", "del pref 5")):
            subprocess.check_call(["ip", "rule", *add.split()])
            self.rules.insert(0, undo)
        near.sendall(bytes(1000))
        self.held += [far, near]

    def fill(self):
        """Queues that are full and drop nothing yet, and connections that their program does not close."""
        self.held += [client(socket.AF_INET, LISTENER) for _ in range(10)]
        self.held += [client(socket.AF_UNIX, self.path) for _ in range(5)]
        self.leak.setblocking(True)
        for _ in range(LEAKED):
            with socket.create_connection(LEAK):
                self.held.append(self.leak.accept()[0])

    def knock(self):
        """Ten attempts to connect each second to a queue without room."""
        def attempts():
            while not self.quiet.wait(0.1):
                self.held.append(client(socket.AF_INET, LISTENER))
        self.knocking = threading.Thread(target=attempts)
        self.knocking.start()

    def release(self):
        self.quiet.set()
        self.knocking.join()
        # Those that never were in the queue first, or they would be as soon as there is room.
        for each in reversed(self.held):
            each.close()
        self.held.clear()
        for service in (self.tcp, self.unix):
            try:
                while True:
                    service.accept()[0].close()
            except BlockingIOError:
                pass
        for rule in self.rules:
            subprocess.check_call(["ip", "rule", *rule.split()])


def main():
    # As soon as the test is gone.
    ctypes.CDLL(None).prctl(1, 9)
    pathlib.Path("/proc/self/comm").write_text(PROGRAM)
    try:
        # Of the folder only this run has the name.
        cgroup = Cgroup(f"{pathlib.Path(sys.argv[1]).parent.name}.slice/{UNIT}/worker")
    except OSError:
        cgroup = None
    trouble = Trouble(sys.argv[1])
    print("listening", "unit" if cgroup else "-", flush=True)
    try:
        for line in sys.stdin:
            getattr(trouble, line.strip())()
            print(line, end="", flush=True)
    finally:
        if cgroup:
            cgroup.leave()


if __name__ == "__main__":
    main()
