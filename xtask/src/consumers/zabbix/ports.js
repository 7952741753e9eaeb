// The last part of the index of a listener is its port; several listeners may share one.
var seen = {}, ports = [];
JSON.parse(value).forEach(function (row) {
    var port = row['{#SNMPINDEX}'].split('.').pop();
    if (!seen[port]) {
        seen[port] = true;
        ports.push({'{#PORT}': port});
    }
});
return JSON.stringify(ports);
