//! The modules of snmp_exporter, which its own generators make of ours: the only files here that need other programs.

use crate::file::{Error, File};
use crate::modules::MODULE;
use std::fs;
use std::path::Path;
use std::process::Command;

/// The two forms of its configuration: the folder of the generator, its input, its output.
const FORMS: [(&str, &str, &str); 2] = [
    ("/usr/bin", "config/prometheus/generator-0.21.yml", "config/prometheus/snmp-0.21.yml"),
    ("target/snmp-exporter", "config/prometheus/generator.yml", "config/prometheus/snmp.yml"),
];

/// The modules, from the generators' files and the MIB module in `made`, whether or not those are written yet.
pub fn files(root: &Path, made: &[File]) -> Result<Vec<File>, Error> {
    FORMS.into_iter().map(|form| modules(root, made, form)).collect()
}

fn modules(root: &Path, made: &[File], (folder, reads, makes): (&str, &str, &str)) -> Result<File, Error> {
    let text = |path: &str| &made.iter().find(|file| file.path == path).unwrap().text;
    let work = tempfile::tempdir().map_err(|error| Error::File("a folder to work in".into(), error))?;
    let at = |name: &str| work.path().join(name);
    let failed = |error| Error::File(work.path().display().to_string(), error);
    fs::write(at("generator.yml"), text(reads)).map_err(failed)?;
    fs::create_dir(at("mibs")).map_err(failed)?;
    fs::write(at("mibs/LINUX-NETSTAT-MIB.txt"), text(MODULE)).map_err(failed)?;
    // An absolute folder is kept.
    let program = root.join(folder).join("prometheus-snmp-generator");
    let name = program.display().to_string();
    let output = Command::new(&program)
        .arg("generate")
        .current_dir(work.path())
        .env("MIBDIRS", format!("{}:{}", root.join("target/mibs").display(), at("mibs").display()))
        .output()
        .map_err(|error| Error::Program(name.clone(), error))?;
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    // The generator reports what it could not find and still exits with success.
    let complains = ["level=error", "level=warn"].iter().any(|level| said.to_lowercase().contains(level));
    if !output.status.success() || complains {
        return Err(Error::Refused(name, said));
    }
    let made = fs::read_to_string(at("snmp.yml")).map_err(failed)?;
    Ok(File::new(makes, made))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::consumers::prometheus::LOOKUPS;
    use netstat_agentx::mib::view::{Served, View};
    use std::collections::BTreeSet;

    /// Without the generators the text cannot be compared, but it must contain every walked object that we serve.
    #[test]
    fn every_object_is_in_the_modules_under_its_number() {
        let base = netstat_agentx::config::Config::default().mib.base_oid;
        let view = View::new(Served { base: base.into(), mib_2: false, private: true });
        for (.., path) in FORMS {
            let text = crate::file::read(&crate::root(), path).unwrap();
            let lines: Vec<_> = text.lines().map(str::trim).collect();
            let pair = |pair: &[&str]| {
                let (name, oid) = (pair[0].strip_prefix("- name: "), pair[1].strip_prefix("oid: "));
                name.zip(oid).map(|(name, oid)| (name.to_owned(), oid.to_owned()))
            };
            let metrics: BTreeSet<_> = lines.windows(2).filter_map(pair).collect();
            let walks: Vec<_> = lines
                .iter()
                .filter_map(|line| line.strip_prefix("- "))
                .filter(|walk| walk.starts_with("1.3."))
                .collect();
            let mut found = 0;
            for leaf in view.leaves() {
                let subids: Vec<_> = leaf.oid.iter().map(ToString::to_string).collect();
                let (name, oid) = (leaf.kind.name().to_owned(), subids.join("."));
                let is_walked = walks.iter().any(|walk| oid.starts_with(&format!("{walk}.")));
                // An object that is the label of its row has no metric.
                let is_label = LOOKUPS.iter().any(|(.., text)| *text == name);
                if is_walked && !is_label {
                    let metric = (name, oid);
                    assert!(
                        metrics.contains(&metric),
                        "{path} lacks {metric:?}: run 'make snmp-exporter-modules'"
                    );
                    found += 1;
                }
            }
            assert!(found > 500, "{found} metrics in {path}");
        }
    }
}
