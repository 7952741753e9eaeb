//! tcp, 1.3.6.1.2.1.6: the scalars of RFC 4022.

use crate::mib::object::{Group, Object, Place, Read, standard};
use crate::mib::syntax::Syntax;

/// tcp
pub static GROUP: Group = Group {
    place: Place::Mib2(&[6]),
    name: "tcp",
    description: "",
    objects: &[
        tcp(1, "tcpRtoAlgorithm", ALGORITHM, "RtoAlgorithm"),
        tcp(2, "tcpRtoMin", Syntax::Range(0, i32::MAX), "RtoMin"),
        tcp(3, "tcpRtoMax", Syntax::Range(0, i32::MAX), "RtoMax"),
        tcp(4, "tcpMaxConn", Syntax::Range(-1, i32::MAX), "MaxConn"),
        tcp(5, "tcpActiveOpens", Syntax::Counter32, "ActiveOpens"),
        tcp(6, "tcpPassiveOpens", Syntax::Counter32, "PassiveOpens"),
        tcp(7, "tcpAttemptFails", Syntax::Counter32, "AttemptFails"),
        tcp(8, "tcpEstabResets", Syntax::Counter32, "EstabResets"),
        tcp(9, "tcpCurrEstab", Syntax::Gauge32, "CurrEstab"),
        tcp(10, "tcpInSegs", Syntax::Counter32, "InSegs"),
        tcp(11, "tcpOutSegs", Syntax::Counter32, "OutSegs"),
        tcp(12, "tcpRetransSegs", Syntax::Counter32, "RetransSegs"),
        tcp(14, "tcpInErrs", Syntax::Counter32, "InErrs"),
        tcp(15, "tcpOutRsts", Syntax::Counter32, "OutRsts"),
        tcp(17, "tcpHCInSegs", Syntax::Counter64, "InSegs"),
        tcp(18, "tcpHCOutSegs", Syntax::Counter64, "OutSegs"),
    ],
};

const ALGORITHM: Syntax =
    Syntax::Enumeration(&[(1, "other"), (2, "constant"), (3, "rsre"), (4, "vanj"), (5, "rfc2988")]);

const fn tcp(subid: u32, name: &'static str, syntax: Syntax, kernel: &'static str) -> Object {
    standard(subid, name, syntax, Read::Counter("Tcp", kernel))
}
