// Anybody can open as many endpoints as there are ports: those are taken that have dropped most, then the lowest ports,
// which are services rather than clients.
var rows = JSON.parse(value).filter(function (row) { return row['{#ENDPOINT}']; });
function drops(row) { return Number(row['{#DROPS}'] || 0); }
function port(row) { return Number(row['{#ENDPOINT}'].split(':').pop()); }
rows.sort(function (a, b) { return drops(b) - drops(a) || port(a) - port(b); });
return JSON.stringify(rows.slice(0, Number('{$NETSTAT.UDP_ENDPOINT.ROWS}')).map(function (row) {
    return {'{#SNMPINDEX}': row['{#SNMPINDEX}'], '{#ENDPOINT}': row['{#ENDPOINT}']};
}));
