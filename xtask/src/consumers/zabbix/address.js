// The octets of an address as they come to the server: hexadecimal numbers, or letters if each of them is one.
var hexadecimal = /^([0-9A-F]{2} ){3,15}[0-9A-F]{2} ?$/.test(value);
var octets = hexadecimal ? value.trim().split(' ').map(function (octet) { return parseInt(octet, 16); })
    : value.split('').map(function (letter) { return letter.charCodeAt(0); });
if (octets.length === 4) {
    return octets.join('.');
}
if (octets.length !== 16) {
    return value;
}
var groups = [], zeros = null;
for (var at = 0; at < 16; at += 2) {
    groups.push((octets[at] * 256 + octets[at + 1]).toString(16));
}
// The longest run of zeros is left out, the first of several (RFC 5952).
(groups.join(':').match(/\b0(:0\b)+/g) || []).forEach(function (run) {
    if (zeros === null || run.length > zeros.length) {
        zeros = run;
    }
});
var text = groups.join(':');
return zeros === null ? text : text.replace(new RegExp('(^|:)' + zeros + '(:|$)'), '::');
