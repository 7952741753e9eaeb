//! config/snmpd as it is shipped, in a snmpd that runs as Debian's does, with the subagent as an unprivileged user.

use crate::common::{BASE, Guard, Snmpd, in_namespace, text_of, this_test, until};
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

/// What Debian's snmpd.conf says of access.
const STOCK: &str = "view systemonly included .1.3.6.1.2.1.1\nview systemonly included .1.3.6.1.2.1.25.1\n\
    rocommunity public default -V systemonly\nrouser authPrivUser authpriv -V systemonly";

/// As README.md has it, with phrases of its own.
const USER: &str = "createUser netstat SHA \"only for this test\" AES \"this one as well\"";

const V3: [&str; 12] =
    ["-v3", "-l", "authPriv", "-u", "netstat", "-a", "SHA", "-A", "only for this test", "-x", "AES", "-X"];

const TCP: &str = ".1.3.6.1.2.1.6.9.0";
const SEGMENTS: &str = ".1.3.6.1.2.1.6.17.0";
const INTERFACES: &str = ".1.3.6.1.2.1.2.1.0";

/// One of Net-SNMP's tools with its credentials.
fn tool(snmpd: &Snmpd, tool: &str, credentials: &[&str], names: &[&str]) -> String {
    let output = Command::new(tool)
        .args(credentials)
        .args(["-On", "-t", "1", "-r", "1", "-M", "/nonexistent", "-m", ""])
        .arg(format!("127.0.0.1:{}", snmpd.port))
        .args(names)
        // Net-SNMP's tools keep files of their own.
        .env("SNMP_PERSISTENT_DIR", snmpd.folder.path().join("manager"))
        .output()
        .unwrap_or_else(|error| panic!("{tool}: {error}"));
    text_of(&output)
}

fn id(option: &str, name: &str) -> u32 {
    let output = Command::new("id").args([option, name]).output().unwrap();
    text_of(&output).trim().parse().unwrap_or_else(|_| panic!("{}", text_of(&output)))
}

/// Stands in for the subagent's group, which an installation makes.
const GROUP: &str = "daemon";

/// The subagent as 'nobody' in that group, from a copy of the program that this user can reach.
fn unprivileged(snmpd: &Snmpd) -> Guard {
    let folder = snmpd.folder.path();
    let program = folder.join("netstat-agentx");
    fs::copy(env!("CARGO_BIN_EXE_netstat-agentx"), &program).unwrap();
    let config = folder.join("netstat-agentx.toml");
    fs::write(&config, format!("[agentx]\naddress = \"{}\"\n", snmpd.socket())).unwrap();
    let log = fs::File::create(folder.join("netstat-agentx.log")).unwrap();
    let process = Command::new("setpriv")
        .args(["--reuid=nobody", "--regid", GROUP, "--clear-groups", "--inh-caps=-all"])
        .arg("--bounding-set=-all")
        .arg(program)
        .args(["run", "--config"])
        .arg(config)
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .expect("setpriv (util-linux)");
    Guard(process)
}

/// Debian's configuration, which includes a folder with our file in it.
fn configure(snmpd: &Snmpd) {
    let folder = snmpd.folder.path();
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).unwrap();
    let included = folder.join("snmpd.conf.d");
    fs::create_dir(&included).unwrap();
    let ours = concat!(env!("CARGO_MANIFEST_DIR"), "/config/snmpd/netstat-agentx.conf");
    let ours = fs::read_to_string(ours).unwrap();
    let line = "agentXPerms 0660 0755 Debian-snmp";
    assert!(ours.contains(&format!("\n{line} netstat-agentx\n")));
    let stand_in = ours.replace(&format!("{line} netstat-agentx"), &format!("{line} {GROUP}"));
    fs::write(included.join("netstat-agentx.conf"), stand_in).unwrap();
    snmpd.configure(&format!("{STOCK}\nincludeDir {}", included.display()));
}

/// The persistent file, which only snmpd may read.
fn persistent(snmpd: &Snmpd, lines: &str) -> std::path::PathBuf {
    let folder = snmpd.folder.path().join("persistent");
    fs::create_dir(&folder).unwrap();
    let file = folder.join("snmpd.conf");
    fs::write(&file, format!("{lines}\n")).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    for path in [&folder, &file] {
        chown(path, Some(id("-u", "Debian-snmp")), Some(id("-g", "Debian-snmp"))).unwrap();
    }
    file
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
#[ignore = "needs root, for users of their own: make test-consumers"]
fn the_snippet_lets_the_right_ones_in() {
    assert!(crate::common::is_root(), "run it as root: snmpd and the subagent get users of their own");
    if !in_namespace(this_test!()) {
        return;
    }
    let mut snmpd =
        Snmpd::stopped(&["-u", "Debian-snmp", "-g", "Debian-snmp", "-I", "-smux,mteTrigger,mteTriggerConf"]);
    configure(&snmpd);
    let file = persistent(&snmpd, USER);
    snmpd.restart();
    let socket = snmpd.folder.path().join("agentx/master");
    assert_eq!((mode(&socket), mode(socket.parent().unwrap())), (0o660, 0o755));
    let _agent = unprivileged(&snmpd);
    let v2c = ["-v2c", "-c", "netstat"];
    let version = format!("{BASE}.1.5.1.0");
    until(Duration::from_secs(5), "the subagent is registered", || {
        tool(&snmpd, "snmpget", &v2c, &[&version]).contains("STRING")
    });

    let log = fs::read_to_string(snmpd.folder.path().join("snmpd.log")).unwrap();
    for complaint in ["Warning", "rror", "Can't", "Unknown"] {
        assert!(!log.contains(complaint), "{log}");
    }
    // The group of the socket lets it in, and nothing else: this user without the group stays outside.
    let refused = Command::new("setpriv")
        .args(["--reuid=nobody", "--regid=nogroup", "--clear-groups", "test", "-w"])
        .arg(&socket)
        .status()
        .unwrap();
    assert!(!refused.success());

    // SNMPv2c and SNMPv3 see what we serve, and of snmpd's own the system group alone.
    let v3 = [&V3[..], &["this one as well"]].concat();
    for credentials in [&v2c[..], &v3] {
        let text = tool(&snmpd, "snmpget", credentials, &[&version, TCP, SEGMENTS, ".1.3.6.1.2.1.1.3.0"]);
        assert!(!text.contains("No Such") && text.contains("Counter64"), "{text}");
        assert!(tool(&snmpd, "snmpget", credentials, &[INTERFACES]).contains("No Such"));
        assert_eq!(tool(&snmpd, "snmpwalk", credentials, &[&format!("{BASE}.1.1.1")]).lines().count(), 33);
    }
    // Nobody else does: Debian's community, another one, another phrase, no encryption.
    let public = ["-v2c", "-c", "public"];
    assert!(tool(&snmpd, "snmpget", &public, &[".1.3.6.1.2.1.1.3.0"]).contains("Timeticks"));
    assert!(tool(&snmpd, "snmpget", &public, &[&version]).contains("No Such"));
    assert!(tool(&snmpd, "snmpget", &["-v2c", "-c", "other"], &[&version]).contains("Timeout"));
    let wrong = [&V3[..], &["another phrase"]].concat();
    assert!(!tool(&snmpd, "snmpget", &wrong, &[&version]).contains("STRING"));
    let clear = [&["-v3", "-l", "authNoPriv"], &V3[3..9]].concat();
    let text = tool(&snmpd, "snmpget", &clear, &[&version]);
    assert!(text.contains("authorizationError"), "{text}");

    // snmpd puts keys in place of the phrases, and goes on from them.
    let kept = fs::read_to_string(&file).unwrap();
    assert!(kept.contains("usmUser") && !kept.contains("this test") && !kept.contains("this one"), "{kept}");
    snmpd.restart();
    until(Duration::from_secs(5), "both are back", || {
        tool(&snmpd, "snmpget", &v3, &[&version]).contains("STRING")
    });
    snmpv1(&snmpd);
}

/// SNMPv1 has no Counter64: a walk steps over them, a Get of one is refused, and the rest is as in SNMPv2c.
fn snmpv1(snmpd: &Snmpd) {
    let (v1, v2c) = (["-v1", "-c", "netstat"], ["-v2c", "-c", "netstat"]);
    for (root, wide, narrow) in [(format!("{BASE}.1.3"), 350, 8), (format!("{BASE}.1.2"), 0, 15)] {
        let all = crate::common::lines(&tool(snmpd, "snmpwalk", &v2c, &[&root]));
        let names = |walk: &[(String, String)]| -> Vec<String> {
            let rows = walk.iter().filter(|(_, value)| !value.starts_with("Counter64"));
            rows.map(|(name, _)| name.clone()).collect()
        };
        let old = crate::common::lines(&tool(snmpd, "snmpwalk", &v1, &[&root]));
        assert_eq!(names(&old), names(&all), "{root}");
        assert!(
            old.len() >= narrow && all.len() - old.len() >= wide,
            "{root}: {} of {}",
            old.len(),
            all.len()
        );
    }
    assert!(tool(snmpd, "snmpget", &v1, &[TCP]).contains("Gauge32"));
    let text = tool(snmpd, "snmpget", &v1, &[SEGMENTS]);
    assert!(text.contains("noSuchName"), "{text}");
}
