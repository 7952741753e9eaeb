"""A private Zabbix: PostgreSQL, the server, the frontend on PHP's own web server, and a client of its API.

Everything lives in one folder, on loopback ports of the network namespace and as processes of the PID namespace that
this runs in, so that it ends with it.
"""

import gzip
import http.cookiejar
import json
import os
import pathlib
import pwd
import shutil
import signal
import subprocess
import time
import urllib.parse
import urllib.request

FRONTEND = pathlib.Path("/usr/share/zabbix")
DATABASE = pathlib.Path("/usr/share/zabbix-server-pgsql")

# The network namespace is our own.
POSTGRESQL_PORT, SERVER_PORT, WEB_PORT = 20432, 20051, 20080


def until(what, so, within=60, every=0.5):
    """What `so` returns once it is true; it is asked again and again."""
    end = time.monotonic() + within
    while True:
        answer = so()
        if answer:
            return answer
        if time.monotonic() > end:
            raise AssertionError(f"not within {within} s: {what}")
        time.sleep(every)


class Processes:
    """Child processes, ended in reverse order."""

    def __init__(self, folder):
        self.folder = folder
        self.running = []

    def start(self, name, command, stop=signal.SIGTERM, **more):
        with open(self.folder / f"{name}.log", "ab") as log:
            process = subprocess.Popen(list(map(str, command)), stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                                       start_new_session=True, **more)
        self.running.append((process, stop))

    def signal(self, number):
        for process, _ in self.running:
            process.send_signal(number)

    def stop(self):
        for process, stop in reversed(self.running):
            process.send_signal(stop)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        self.running.clear()


class Database:
    """PostgreSQL with Zabbix's schema. It refuses to run as root: it gets the package's user, or, where root is only
    that of a user namespace, another number in a user namespace of its own."""

    def __init__(self, folder, processes):
        self.folder = folder / "postgresql"
        self.folder.mkdir()
        bins = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"))
        if not bins:
            raise SystemExit("no PostgreSQL below /usr/lib/postgresql: install the package postgresql")
        self.bin = bins[-1]
        real_root = pathlib.Path("/proc/self/uid_map").read_text().split() == ["0", "0", "4294967295"]
        if real_root:
            user = pwd.getpwnam("postgres")
            shutil.chown(self.folder, user.pw_uid, user.pw_gid)
            # The way there must be open to that user too.
            folder.chmod(0o755)
            self.other = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
        else:
            self.other = ["unshare", "--map-user=1000", "--map-group=1000"]
        self.command("initdb", "-D", self.folder / "data", "-U", "zabbix", "-A", "trust", "-E", "UTF8",
                     "--locale=C.UTF-8", "--no-sync")
        settings = {"port": POSTGRESQL_PORT, "listen_addresses": "127.0.0.1", "unix_socket_directories": self.folder,
                    "fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "max_connections": 150}
        options = [f"--{name}={value}" for name, value in settings.items()]
        processes.start("postgresql", [*self.other, self.bin / "postgres", "-D", self.folder / "data", *options],
                        stop=signal.SIGINT, cwd=self.folder)
        until("PostgreSQL answers", lambda: self.psql("-c", "select 1", database="postgres", check=False))
        self.psql("-c", "create database zabbix", database="postgres")
        for part in ("schema", "images", "data"):
            with gzip.open(DATABASE / f"{part}.sql.gz") as text:
                self.psql("-v", "ON_ERROR_STOP=1", input=text.read())
        # The one language that needs no locale.
        self.psql("-c", "update config set default_lang = 'en_GB'")
        # Without statistics the linking of a template to a host takes minutes.
        self.psql("-c", "analyze")

    def command(self, name, *arguments):
        command = [*self.other, self.bin / name, *arguments]
        subprocess.run(list(map(str, command)), check=True, cwd=self.folder, stdout=subprocess.DEVNULL)

    def psql(self, *arguments, database="zabbix", check=True, input=None):
        command = [self.bin / "psql", "-q", "-h", "127.0.0.1", "-p", POSTGRESQL_PORT, "-U", "zabbix", database, *arguments]
        done = subprocess.run(list(map(str, command)), input=input, capture_output=True)
        if check and done.returncode:
            raise AssertionError(done.stderr.decode())
        return done.returncode == 0


class Zabbix:
    """The server and the frontend, running."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.processes = Processes(self.folder)
        subprocess.check_call(["ip", "link", "set", "lo", "up"])
        try:
            self.start()
        except BaseException:
            self.show_logs()
            self.stop()
            raise

    def start(self):
        Database(self.folder, self.processes)
        self.server_log = self.folder / "zabbix_server.log"
        self.server_configuration = self.folder / "zabbix_server.conf"
        settings = {
            "ListenIP": "127.0.0.1", "ListenPort": SERVER_PORT, "LogFile": self.server_log, "DebugLevel": 3,
            "PidFile": self.folder / "zabbix_server.pid", "SocketDir": self.folder, "AllowRoot": 1,
            "DBHost": "127.0.0.1", "DBPort": POSTGRESQL_PORT, "DBName": "zabbix", "DBUser": "zabbix",
            "CacheUpdateFrequency": 5, "StartPollers": 3, "StartPingers": 0, "StartDiscoverers": 0,
            "StartHTTPPollers": 0, "StartTrappers": 2, "StartDBSyncers": 2,
        }
        text = "".join(f"{name}={value}\n" for name, value in settings.items())
        self.server_configuration.write_text(text)
        # No MIB module is to be needed for anything.
        self.processes.start("zabbix_server", ["zabbix_server", "-f", "-c", self.server_configuration],
                             env={**os.environ, "PATH": os.environ["PATH"] + ":/usr/sbin", "MIBS": ""})
        self.frontend()
        self.url = f"http://127.0.0.1:{WEB_PORT}"
        self.cookies = http.cookiejar.CookieJar()
        self.browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.cookies))
        self.token = None
        until("the frontend answers", self.answers)
        until("the server runs", lambda: "main process] started" in self.log() or "#0 started" in self.log())
        self.token = self.api("user.login", {"username": "Admin", "password": "zabbix"})

    def frontend(self):
        """Serves a copy of the frontend that reads our configuration."""
        web = self.folder / "frontend"
        shutil.copytree(FRONTEND, web)
        configuration = self.folder / "zabbix.conf.php"
        configuration.write_text(f"""<?php
            $DB['TYPE'] = 'POSTGRESQL';
            $DB['SERVER'] = '127.0.0.1';
            $DB['PORT'] = '{POSTGRESQL_PORT}';
            $DB['DATABASE'] = 'zabbix';
            $DB['USER'] = 'zabbix';
            $DB['PASSWORD'] = '';
            $DB['SCHEMA'] = '';
            $DB['ENCRYPTION'] = false;
            $DB['VERIFY_HOST'] = false;
            $DB['DOUBLE_IEEE754'] = true;
            $ZBX_SERVER = '127.0.0.1';
            $ZBX_SERVER_PORT = '{SERVER_PORT}';
            $ZBX_SERVER_NAME = 'netstat-agentx';
            $IMAGE_FORMAT_DEFAULT = IMAGE_FORMAT_PNG;
        """)
        reader = web / "include/classes/core/CConfigFile.php"
        text = reader.read_text()
        given = "'/etc/zabbix/zabbix.conf.php'"
        assert given in text, f"{reader} does not name {given}"
        reader.write_text(text.replace(given, f"'{configuration}'"))
        settings = {"max_execution_time": 300, "memory_limit": "512M", "post_max_size": "32M", "max_input_time": 300,
                    "date.timezone": "UTC", "session.save_path": self.folder}
        options = [part for name, value in settings.items() for part in ("-d", f"{name}={value}")]
        self.processes.start("php", ["php", *options, "-S", f"127.0.0.1:{WEB_PORT}", "-t", web],
                             cwd=web)
        self.web = web

    def log(self):
        return self.server_log.read_text() if self.server_log.exists() else ""

    def answers(self):
        try:
            return self.api("apiinfo.version", [])
        except (OSError, ValueError):
            return None

    def api(self, method, parameters):
        """The result of a method of the API."""
        question = {"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters}
        if self.token and method != "apiinfo.version":
            question["auth"] = self.token
        request = urllib.request.Request(f"{self.url}/api_jsonrpc.php", json.dumps(question).encode(),
                                         {"Content-Type": "application/json-rpc"})
        with urllib.request.urlopen(request, timeout=300) as response:
            answer = json.load(response)
        if "error" in answer:
            raise AssertionError(f"{method}: {answer['error']}")
        return answer["result"]

    def login(self):
        """Logs the browser in."""
        self.page("index.php", name="Admin", password="zabbix", enter="Sign in")
        assert any(cookie.name == "zbx_session" for cookie in self.cookies), "no session"

    def page(self, path, **form):
        """What the frontend sends: GET, or POST where there is a form."""
        data = urllib.parse.urlencode(form).encode() if form else None
        with self.browser.open(f"{self.url}/{path}", data, timeout=120) as response:
            return response.read()

    def reload(self):
        """Makes the server read its configuration at once."""
        command = ["zabbix_server", "-c", self.server_configuration, "-R", "config_cache_reload"]
        subprocess.run(list(map(str, command)), check=True, stdout=subprocess.DEVNULL,
                       env={**os.environ, "PATH": os.environ["PATH"] + ":/usr/sbin"})

    def show_logs(self):
        for log in sorted(self.folder.rglob("*.log")):
            text = log.read_text(errors="replace").splitlines()
            print(f"--- {log}", *text[-15:], sep="\n", flush=True)

    def stop(self):
        self.processes.stop()
