"""What culprits.py does, as problems with names."""

import re

import culprits
from monitored import Socket
from stack import until

# What the programs of culprits.py are to be blamed for, besides their unit and their Unix listener.
AT_LISTENER = {"Listener 127.0.0.1:80 is nearly full", "Listener 127.0.0.1:80 drops connections",
               "Port 80: much of its data is retransmitted"}


def triggers(programs):
    """The triggers of what culprits.py does."""
    unix = {f"Unix listener {programs.path} is nearly full"}
    return AT_LISTENER | unix | ({f"{culprits.UNIT}: many sockets in CLOSE_WAIT"} if programs.has_unit else set())


def named(check, host, by_program, tree, calm):
    """A full listener, one that drops, a full Unix listener, a leak and a lossy way are problems that say whose they are,
    and are over when the programs mend their ways."""
    programs = check.culprits
    unit = culprits.UNIT if programs.has_unit else None
    if unit is None:
        check.say("note: no cgroup can be made here, so that owners by unit were not tested")
    whose = re.escape(f" ({unit})") if unit else r"( \(.*\))?"
    path = re.escape(programs.path)
    full = {rf"Listener 127\.0\.0\.1:80{whose} is 1\d\d % full", rf"Unix listener {path} is 100 % full",
            r"Port 80: \d[\d.]* % of its data is retransmitted"}
    if unit:
        full.add(re.escape(f"{unit} has {culprits.LEAKED} sockets in CLOSE_WAIT"))
    leaking = f"{culprits.PROGRAM} has {culprits.LEAKED} sockets in CLOSE_WAIT"

    def await_names(names):
        lacking = lambda: [name for name in names if not any(re.fullmatch(name, each) for each in check.names(host))]
        try:
            until("problems with names", lambda: not lacking(), 60)
        except AssertionError:
            raise AssertionError(f"no problem is called {lacking()}: {check.names(host)}") from None
    assert not check.problems(host), check.problems(host)
    # What the tree shows of the same sockets: net/tcp is not that of the programs.
    rates, sockets, lines = calm
    waiting = [each._replace(queue=10) if (each.state, each.port) == ("0A", 80) else each for each in sockets]
    tree.set(rates, [*waiting, Socket("01", 80, retransmits=2)], lines)
    programs.do("lose")
    programs.do("fill")
    await_names(full)
    check.shown(host)
    got = check.values(host)
    figures = {'netstat.listener["127.0.0.1:80",limit]': 10, 'netstat.listener["127.0.0.1:80",fullest]': 100,
               f'netstat.unix["{programs.path}",queue]': 5, f'netstat.unix["{programs.path}",limit]': 5}
    wrong = {key: (got.get(key), value) for key, value in figures.items() if float(got.get(key, "nan")) != value}
    assert not wrong, f"(Zabbix, as set): {wrong}"
    assert 0 < float(got["netstat.port[80,rttMedian]"]) <= float(got["netstat.port[80,rttP95]"]) < 10, got
    told = check.names(host)
    programs.do("knock")
    await_names({rf"Listener 127\.0\.0\.1:80{whose} drops \d+ connections/s"})
    until("the program is named on a host that counts by program", lambda: leaking in check.names(by_program), 60)
    told |= check.names(host) | {leaking}
    programs.do("release")
    tree.set(*calm)
    until("all problems are over", lambda: not check.problems(host), 90)
    until("the program leaks no more", lambda: leaking not in check.names(by_program), 60)
    odd = [key for key in check.values(by_program, "netstat.unix") if '"@' in key]
    assert not odd, f"not to be watched: {odd}"
    check.say(f"problems, all over afterwards: {sorted(told)}")


def nameless(check, host):
    """A host whose kernel tells neither limits nor owners has listeners all the same: their triggers can be evaluated, and
    there is nothing where the name of the unit would be."""
    triggers = check.api("trigger.get", hostids=host, search={"description": "Listener"},
                         output=["description", "event_name", "state", "error"])
    full = [trigger for trigger in triggers if trigger["description"].endswith(" is nearly full")]
    assert full, f"no listeners: {triggers}"
    wrong = [trigger for trigger in triggers if trigger["state"] != "0" or "(" in trigger["event_name"].split("{")[0]]
    assert not wrong, wrong
    lacking = {key for key in check.values(host, "netstat.listener") if key.endswith((",limit]", ",fullest]", ",drops]"))}
    assert not lacking, f"whence? {lacking}"
