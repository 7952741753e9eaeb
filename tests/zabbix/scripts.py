"""The scripts of the template, run by Zabbix's own interpreter on what may come to them."""

import json
import re
import subprocess


def items(check):
    """The start time of the subagent, in both forms in which a server may get it."""
    item = check.api("item.get", templateids=check.template, filter={"key_": "netstat[lnsAgentStartTime]"},
                    selectPreprocessing="extend")[0]
    script = check.zabbix.folder / "date-and-time.js"
    script.write_text(item["preprocessing"][0]["params"])
    for given, expected in (("07 E9 0C 1F 17 3B 3B 05 2B 00 00", "1767225599"),
                            ("07 E9 0C 1F 17 3B 3B 05 2D 01 1E", "1767230999"),
                            ("07 E9 0C 1F 17 3B 3B 05 ", "1767225599"),
                            ("2025-12-31,23:59:59.5,+0:0", "1767225599"),
                            ("2026-1-1,1:59:59.5,+2:0", "1767225599")):
        got = subprocess.check_output(["zabbix_js", "-s", script, "-p", given], text=True).strip()
        assert got == expected, (given, got, expected)
    peer = next(item for item in check.api("itemprototype.get", templateids=check.template,
                                          selectPreprocessing="extend") if "resets.peer" in item["key_"])
    script.write_text(next(step["params"] for step in peer["preprocessing"] if "octets" in step["params"]))
    for given, expected in (("7F 00 00 01 ", "127.0.0.1"), ("ABCD", "65.66.67.68"), ("unknown", "unknown"),
                            ("00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 01 ", "::1"),
                            ("20 01 0D B8 00 00 00 00 00 01 00 00 00 00 00 10", "2001:db8::1:0:0:10"),
                            ("20 01 0D B8 00 00 00 01 00 00 00 00 00 00 00 00", "2001:db8:0:1::"),
                            ("00 00 " * 8, "::"), ("ABCDEFGHIJKLMNOP", "4142:4344:4546:4748:494a:4b4c:4d4e:4f50")):
        got = subprocess.check_output(["zabbix_js", "-s", script, "-p", given], text=True).strip()
        assert got == expected, (given, got, expected)


def rules(check):
    """What the scripts of the discovery rules make of rows: names from indexes, and none that could become a macro."""
    rules = check.api("discoveryrule.get", templateids=check.template, output=["key_"], selectPreprocessing="extend")
    scripts = {rule["key_"]: rule["preprocessing"][0]["params"] for rule in rules if rule["preprocessing"]}
    script = check.zabbix.folder / "discovered.js"

    def made(rule, rows):
        script.write_text(re.sub(r"\{\$NETSTAT\.\w+\.ROWS\}", "3", scripts[rule]))
        return json.loads(subprocess.check_output(["zabbix_js", "-s", script, "-p", json.dumps(rows)], text=True))

    def index(name):
        return ".".join(map(str, [len(name.encode()), *name.encode()]))
    odd = ['{$A}', 'a"b', "a\\"]
    sockets = {"(none)": 99, "(unknown)": 99, "(others)": 99, "idle": 0, "few": 1, "a\\x2db.service": 2, "é, [x]": 7,
               "/docker/0123456789ab": 5, **{name: 99 for name in odd}}
    rows = [{"{#SNMPINDEX}": f"{index(name)}.{state}", "{#SOCKETS}": str(count if state == 5 else 0)}
            for name, count in sockets.items() for state in range(1, 12)]
    got = made("netstat.owners", rows)
    expected = [{"{#SNMPINDEX}": index(name), "{#OWNER}": name}
                for name in ("é, [x]", "/docker/0123456789ab", "a\\x2db.service")]
    assert got == expected, got
    queues = {"@abstract": (1, 100), "/run/b": (0, 5), "/run/a é": (0, 5), "/tmp/full": (6, 5), "/run/none": (0, 0),
              **{name: (9, 1) for name in odd}}
    rows = [{"{#SNMPINDEX}": index(path), "{#QUEUE}": str(queue), "{#LIMIT}": str(limit)}
            for path, (queue, limit) in queues.items()]
    got = [row["{#PATH}"] for row in made("netstat.unix.listeners", rows)]
    assert got == ["/tmp/full", "@abstract", "/run/a é"], got
    row = {"{#SNMPINDEX}": "1.4.127.0.0.1.80", "{#ENDPOINT}": "127.0.0.1:80"}
    got = made("netstat.listeners", [{**row, **owner} for owner in (
        {}, {"{#OWNER}": ""}, {"{#OWNER}": "a.service, b.service"}, {"{#OWNER}": "/{$A}"})])
    assert [each["{#WHOSE}"] for each in got] == ["", "", " (a.service, b.service)", " (/_$A_)"], got
    assert all(each.items() >= row.items() for each in got), got
