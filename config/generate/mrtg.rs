//! MRTG: a target draws two figures, so each graph becomes as many targets as it has pairs.

use crate::graphs::GRAPHS;
use std::fmt::Write;

pub fn files() -> Vec<(String, String)> {
    let mut out = String::from(
        "# Written by 'make consumer-files'. Edit HOST, PORT and the community below with sed, or WorkDir by hand:\n\
         #   sed 's/@127.0.0.1:161:/@myhost:161:/; s/public/secret/' netstat-agentx.cfg\n\
         WorkDir: /var/www/html/mrtg\n\
         Options[_]: growright, nopercent, integer\n",
    );
    for graph in GRAPHS {
        let objects: Vec<_> = graph.objects().collect();
        for (part, pair) in objects.chunks(2).enumerate() {
            let target = format!("{}_{}", graph.name, part + 1);
            let (one, other) = (&pair[0], pair.last().unwrap());
            let options = if graph.is_rate() { "" } else { "gauge, " };
            let _ = write!(
                out,
                "\nTarget[{target}]: {}&{}:public@127.0.0.1:161:::::2\n\
                 Options[{target}]: {options}growright, nopercent, integer\n\
                 MaxBytes[{target}]: 4294967295\n\
                 Title[{target}]: {title}: {}, {}\n\
                 PageTop[{target}]: <h1>{title}</h1><p>{}</p>\n\
                 YLegend[{target}]: {}\n\
                 LegendI[{target}]: {}:\n\
                 LegendO[{target}]: {}:\n",
                one.0.oid,
                other.0.oid,
                one.1,
                other.1,
                graph.about,
                graph.unit,
                one.1,
                other.1,
                title = graph.title,
            );
        }
    }
    vec![("netstat-agentx.cfg".into(), out)]
}
