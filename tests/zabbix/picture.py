"""Draws docs/images/zabbix.png: the dashboard of the template as Chromium shows it after some minutes of load.

tools/picture runs it.
"""

import argparse
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

from check import Check
from monitored import Host, Namespace
from stack import WEB_PORT, Zabbix


def screenshot(check, host, path, page):
    """A page of the dashboard alone, by a browser that is given the session."""
    zabbix = check.zabbix
    dashboard = check.api("templatedashboard.get", templateids=check.template, selectPages="extend")[0]
    pages = dashboard["pages"]
    for each in pages:
        del each["dashboard_pageid"]
        for widget in each["widgets"]:
            del widget["widgetid"]
    check.api("templatedashboard.update", dashboardid=dashboard["dashboardid"], pages=[pages[page]])
    session = next(cookie.value for cookie in zabbix.cookies if cookie.name == "zbx_session")
    target = f"zabbix.php?action=host.dashboard.view&hostid={host}&dashboardid={dashboard['dashboardid']}" \
             "&from=now-10m&to=now&kiosk=1"
    (zabbix.web / "enter.php").write_text(
        f"<?php setrawcookie('zbx_session', '{session}', 0, '/'); header('Location: {target}');"
    )
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        subprocess.run(["chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
                        f"--user-data-dir={profile}", "--window-size=1700,1230", "--virtual-time-budget=20000",
                        f"--screenshot={path}", f"http://127.0.0.1:{WEB_PORT}/enter.php"],
                       check=True, timeout=180, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    check.api("templatedashboard.update", dashboardid=dashboard["dashboardid"], pages=pages)


def main():
    parser = argparse.ArgumentParser()
    for name in ("namespace", "program", "template", "to"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--seconds", type=int, default=660)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="netstat-agentx-zabbix-", ignore_cleanup_errors=True) as folder:
        zabbix = Zabbix(folder)
        machine = load = None
        try:
            check = Check(arguments, zabbix)
            namespace = Namespace(arguments.namespace)
            machine = Host(namespace, folder, "web server", 20161, arguments.program)
            machine.start("snmpd")
            machine.start("agent")
            here = pathlib.Path(__file__).parent
            load = subprocess.Popen([*namespace.prefix, sys.executable, "-B", here / "load.py",
                                     "--seconds", str(arguments.seconds + 120)])
            check.import_twice()
            host = check.host("web server", 20161, {"version": 2, "community": "public"},
                              **{"INTERVAL": "5s", "DISCOVERY.INTERVAL": "30s"})
            zabbix.reload()
            time.sleep(arguments.seconds)
            zabbix.login()
            screenshot(check, host, arguments.to, page=0)
            print("problems:", check.problems(host))
        finally:
            if load:
                load.kill()
            if machine:
                machine.stop()
            zabbix.stop()


if __name__ == "__main__":
    main()
