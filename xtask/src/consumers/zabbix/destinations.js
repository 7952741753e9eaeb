// A proxy connects to hundreds of hosts: those are taken to which most connections go, if they are many.
var rows = JSON.parse(value).filter(function (row) {
    return row['{#DESTINATION}'] && Number(row['{#SOCKETS}']) >= Number('{$NETSTAT.DESTINATION.MIN}');
});
rows.sort(function (a, b) { return Number(b['{#SOCKETS}']) - Number(a['{#SOCKETS}']); });
return JSON.stringify(rows.slice(0, Number('{$NETSTAT.DESTINATION.ROWS}')).map(function (row) {
    return {'{#SNMPINDEX}': row['{#SNMPINDEX}'], '{#DESTINATION}': row['{#DESTINATION}']};
}));
