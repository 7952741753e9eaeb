// A row of lnsResetTable has in its index who reset, which end and port, and why, letter by letter. Of a scan of all
// ports only those are taken that reset most.
var rows = JSON.parse(value).filter(function (row) {
    return Number(row['{#COUNT}']) >= Number('{$NETSTAT.RESETS.MIN}');
});
rows.sort(function (a, b) { return Number(b['{#COUNT}']) - Number(a['{#COUNT}']); });
return JSON.stringify(rows.slice(0, Number('{$NETSTAT.RESETS.ROWS}')).map(function (row) {
    var index = row['{#SNMPINDEX}'].split('.').map(Number);
    return {
        '{#SNMPINDEX}': row['{#SNMPINDEX}'],
        '{#DIRECTION}': ['sent', 'received'][index[0] - 1],
        '{#SIDE}': ['local', 'remote'][index[1] - 1],
        '{#PORT}': String(index[2]),
        '{#REASON}': String.fromCharCode.apply(null, index.slice(4))
    };
}));
