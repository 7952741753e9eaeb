// DateAndTime of SNMPv2-TC as seconds since 1970: octets, or text where the server has loaded the MIB module.
var n, west, hours, minutes;
if (/^[0-9a-f]{2}([ :][0-9a-f]{2}){7,10}$/i.test(value.trim())) {
    n = value.trim().split(/[ :]/).map(function (octet) { return parseInt(octet, 16); });
    n.splice(0, 2, n[0] * 256 + n[1]);
    west = n[7] === 45; hours = n[8] || 0; minutes = n[9] || 0;
} else {
    n = value.match(/(\d+)-(\d+)-(\d+),(\d+):(\d+):(\d+)(?:\.\d+)?(?:,([+-])(\d+):(\d+))?/);
    if (n === null) {
        throw 'no DateAndTime: ' + value;
    }
    n.shift();
    west = n[6] === '-'; hours = Number(n[7] || 0); minutes = Number(n[8] || 0);
}
var seconds = Date.UTC(n[0], n[1] - 1, n[2], n[3], n[4], n[5]) / 1000;
return seconds - (west ? -1 : 1) * (hours * 60 + minutes) * 60;
