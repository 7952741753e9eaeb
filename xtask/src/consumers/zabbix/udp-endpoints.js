// Anybody can open as many endpoints as there are ports: those are taken that have dropped most, then the lowest ports. A
// resolver opens one for each query, from the ephemeral ports: those are taken only if they drop.
function drops(row) { return Number(row['{#DROPS}'] || 0); }
function port(row) { return Number(row['{#ENDPOINT}'].split(':').pop()); }
var rows = JSON.parse(value).filter(function (row) {
    return row['{#ENDPOINT}'] && (port(row) < 32768 || drops(row) > 0);
});
rows.sort(function (a, b) { return drops(b) - drops(a) || port(a) - port(b); });
return JSON.stringify(rows.slice(0, Number('{$NETSTAT.UDP_ENDPOINT.ROWS}')).map(function (row) {
    return {'{#SNMPINDEX}': row['{#SNMPINDEX}'], '{#ENDPOINT}': row['{#ENDPOINT}']};
}));
