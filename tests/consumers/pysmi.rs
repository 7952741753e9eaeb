//! The programs that read our MIB module, for real. They need packages that 'make test-consumers' installs.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// A folder with our module and those it imports.
fn modules() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for source in ["target/mibs", "mibs", "mibs/capabilities"] {
        let entries = std::fs::read_dir(Path::new(ROOT).join(source)).unwrap().map(Result::unwrap);
        for entry in entries.filter(|entry| entry.path().is_file()) {
            std::fs::copy(entry.path(), folder.path().join(entry.file_name())).unwrap();
        }
    }
    folder
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// What pysmi makes of a module.
fn compiled(module: &str) -> serde_json::Value {
    let mibs = modules();
    let out = tempfile::tempdir().unwrap();
    let pysmi = PathBuf::from(ROOT).join("target/pysmi");
    let output = Command::new("python3")
        .arg(pysmi.join("bin/mibdump"))
        .env("PYTHONPATH", &pysmi)
        .arg(format!("--mib-source=file://{}", mibs.path().display()))
        .args(["--destination-format=json", "--no-python-compile"])
        .arg(format!("--destination-directory={}", out.path().display()))
        .arg(module)
        .output()
        .expect("python3");
    let said = text(&output);
    assert!(said.contains("Created/updated MIBs:") && said.contains(module), "{said}");
    let json = std::fs::read_to_string(out.path().join(format!("{module}.json"))).expect(&said);
    serde_json::from_str(&json).unwrap()
}

#[test]
#[ignore = "needs pysmi: make test-consumers"]
fn mibdump_compiles_the_modules() {
    let json = compiled("LINUX-NETSTAT-MIB");
    assert_eq!(json["lnsTcpExtListenDrops"]["oid"], "1.3.6.1.4.1.8072.9999.9999.2741.1.3.6.24");
    assert_eq!(json["lnsTcpStateSockets"]["class"], "objecttype");
    assert_eq!(json["lnsIpForwarding"]["syntax"]["constraints"]["enumeration"]["notForwarding"], 2);
    assert_eq!(json["lnsThresholdName"]["maxaccess"], "not-accessible");
    let capabilities = compiled("LINUX-NETSTAT-CAPS-MIB");
    assert_eq!(capabilities["lnsCapabilities"]["oid"], "1.3.6.1.4.1.8072.9999.9999.2741.3.1");
    assert_eq!(capabilities["lnsCapabilities"]["class"], "agentcapabilities");
}
