// The unit of a listener as problems show it, behind the endpoint: nothing where it is not known, as on old kernels, which
// have no instance or an empty text. Whoever makes a cgroup chooses its name, which must not become a macro of ours.
return JSON.stringify(JSON.parse(value).filter(function (row) { return row['{#ENDPOINT}']; }).map(function (row) {
    var owner = (row['{#OWNER}'] || '').replace(/[{}]/g, '_');
    return {
        '{#SNMPINDEX}': row['{#SNMPINDEX}'],
        '{#ENDPOINT}': row['{#ENDPOINT}'],
        '{#OWNER}': owner,
        '{#WHOSE}': owner ? ' (' + owner + ')' : ''
    };
}));
