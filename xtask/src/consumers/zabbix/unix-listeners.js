// A row of lnsUnixListenerTable has the path in its index: the number of octets, and the octets in UTF-8. Anybody can open
// as many as he likes: those are taken that are fullest, then in the order of their paths, which has abstract names last.
// Left out are those that could become macros of ours or end a key.
function share(row) { return Number(row['{#QUEUE}'] || 0) / Math.max(1, Number(row['{#LIMIT}'] || 0)); }
var rows = JSON.parse(value).map(function (row) {
    var octets = row['{#SNMPINDEX}'].split('.').slice(1).map(Number);
    row['{#PATH}'] = decodeURIComponent(escape(String.fromCharCode.apply(null, octets)));
    return row;
}).filter(function (row) { return !/["{}]|\\$/.test(row['{#PATH}']); });
rows.sort(function (a, b) { return share(b) - share(a) || (a['{#PATH}'] < b['{#PATH}'] ? -1 : 1); });
return JSON.stringify(rows.slice(0, Number('{$NETSTAT.UNIX.ROWS}')).map(function (row) {
    return {'{#SNMPINDEX}': row['{#SNMPINDEX}'], '{#PATH}': row['{#PATH}']};
}));
