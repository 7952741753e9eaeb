// A row of lnsOwnerTable has a name and a state in its index: the number of octets, the octets in UTF-8, the state. Names
// that stand for no owner are left out, and those that could become macros of ours or end a key: any user may choose one.
var owners = {};
JSON.parse(value).forEach(function (row) {
    var index = row['{#SNMPINDEX}'].split('.');
    index.pop();
    var octets = index.slice(1).map(Number);
    var name = decodeURIComponent(escape(String.fromCharCode.apply(null, octets)));
    if (/^\((none|unknown|others)\)$|["{}]|\\$/.test(name)) {
        return;
    }
    owners[name] = owners[name] || {index: index.join('.'), sockets: 0};
    owners[name].sockets += Number(row['{#SOCKETS}']);
});
var names = Object.keys(owners).filter(function (name) { return owners[name].sockets > 0; });
names.sort(function (a, b) { return owners[b].sockets - owners[a].sockets || (a < b ? -1 : 1); });
return JSON.stringify(names.slice(0, Number('{$NETSTAT.OWNER.ROWS}')).map(function (name) {
    return {'{#SNMPINDEX}': owners[name].index, '{#OWNER}': name};
}));
