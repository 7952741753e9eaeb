//! What it may do is nothing: no capability, no write access, no other program.

use crate::common::{BASE, Guard, Snmpd, in_namespace, is_root, this_test};
use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// The udp group, with the tables of its sockets.
const UDP: &str = ".1.3.6.1.2.1.7";

/// nobody and nogroup of Debian.
const NOBODY: &str = "65534";

#[test]
fn an_unprivileged_user_on_a_read_only_file_system_serves_everything() {
    if !is_root() {
        // Not println!, which cargo hides of a test that passes.
        let note = "note: privilege is not tested: it takes root to become somebody without rights\n";
        std::io::Write::write_all(&mut std::io::stderr(), note.as_bytes()).unwrap();
        return;
    }
    if !in_namespace(this_test!()) {
        return;
    }
    let snmpd = Snmpd::start("agentXPerms 0666 0755");
    let folder = snmpd.folder.path();
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755)).unwrap();
    // Whoever built this may have done so where nobody else may enter.
    let binary = folder.join("netstat-agentx");
    std::fs::copy(env!("CARGO_BIN_EXE_netstat-agentx"), &binary).unwrap();
    let config = folder.join("netstat-agentx.toml");
    std::fs::write(&config, format!("[agentx]\naddress = \"{}\"\n", snmpd.socket())).unwrap();
    // Every file system that could be written to is read-only in a mount namespace of its own.
    let script = format!(
        "mount --make-rprivate / && \
         awk '$4 ~ /^rw/ {{ print $2 }}' /proc/self/mounts | while read -r at; do mount -o remount,ro,bind \"$at\" 2>/dev/null; done; \
         if touch {0}/writable 2>/dev/null; then echo 'the file system is still writable' >&2; exit 1; fi; \
         exec setpriv --reuid={NOBODY} --regid={NOBODY} --clear-groups --inh-caps=-all --bounding-set=-all --no-new-privs \
         {0}/netstat-agentx run --config {0}/netstat-agentx.toml",
        folder.display()
    );
    let agent = Guard(Command::new("unshare").args(["-m", "sh", "-c", &script]).spawn().unwrap());
    snmpd.await_agent(Duration::from_secs(5));

    let status = std::fs::read_to_string(format!("/proc/{}/status", agent.0.id())).unwrap();
    let field = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name)).unwrap_or_default();
        line.split_whitespace().nth(1).unwrap_or_default().to_owned()
    };
    assert_eq!(field("Uid:"), NOBODY);
    for capabilities in ["CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:"] {
        assert_eq!(field(capabilities), "0000000000000000", "{capabilities}");
    }
    let names = |objects: Vec<(String, String)>| -> BTreeSet<String> {
        objects.into_iter().map(|(name, _)| name).collect()
    };
    let unprivileged = names(snmpd.bulkwalk(BASE));
    // The same as root, in the same namespace, straight from the code.
    let local = Command::new(&binary).args(["walk", BASE, "--config"]).arg(&config).output().unwrap();
    let privileged = names(crate::common::lines(&String::from_utf8_lossy(&local.stdout)));
    // What depends on the moment: a source has an age once it was read. And what depends on privilege: which programs
    // can be seen.
    let lasting = |names: BTreeSet<String>| -> BTreeSet<String> {
        let own = [format!("{BASE}.1.5.8."), format!("{BASE}.1.1.9.1.4.2.")];
        names.into_iter().filter(|name| !own.iter().any(|own| name.starts_with(own))).collect()
    };
    assert_eq!(lasting(unprivileged), lasting(privileged));
    // The standard groups too, where the manager's own socket is another one each time.
    let sockets = format!("{UDP}.");
    for root in [".1.3.6.1.2.1.5", ".1.3.6.1.2.1.6", UDP] {
        let lasting = |names: BTreeSet<String>| -> BTreeSet<String> {
            let row = |name: &str| {
                ["5.", "7."]
                    .iter()
                    .any(|table| name.strip_prefix(&sockets).is_some_and(|rest| rest.starts_with(table)))
            };
            names.into_iter().filter(|name| !row(name)).collect()
        };
        let unprivileged = lasting(names(snmpd.bulkwalk(root)));
        let local = Command::new(&binary).args(["walk", root, "--config"]).arg(&config).output().unwrap();
        assert!(unprivileged.len() >= 4, "{root}: {unprivileged:?}");
        assert_eq!(
            unprivileged,
            lasting(names(crate::common::lines(&String::from_utf8_lossy(&local.stdout)))),
            "{root}"
        );
    }
    let errors = snmpd.bulkwalk(&format!("{BASE}.1.5.8.1.6"));
    assert!(errors.len() == 8 && errors.iter().all(|(_, text)| text == "\"\""), "{errors:?}");
}

/// Nothing from the network reaches a shell where nothing can be started.
#[test]
fn no_other_program_is_ever_started_and_no_file_written() {
    fn files(folder: &Path, found: &mut Vec<std::path::PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                files(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut found);
    assert!(found.len() > 40);
    for path in found {
        let text = std::fs::read_to_string(&path).unwrap();
        // Tests stand at the end of their file, or fill it.
        let code = text.split("[cfg(test)]").next().unwrap();
        // What to trace is told to tracefs, in files that are there, below a folder of our own that is made and removed;
        // root makes one for the unit, and gives its user a part of it.
        let allowed = [
            (
                "src/trace/folder.rs",
                &[(".write(true)", 1), ("fs::create_dir(", 1), ("fs::remove_dir(", 2)][..],
            ),
            ("src/trace/prepared.rs", &[("fs::remove_dir(", 1), ("chown(", 2)]),
        ];
        let allowed =
            allowed.iter().find(|(file, _)| path.ends_with(file)).map_or(&[][..], |(_, allowed)| allowed);
        let code = allowed.iter().fold(code.to_owned(), |code, (what, times)| {
            assert_eq!(code.matches(what).count(), *times, "{what}");
            code.replace(what, "")
        });
        for forbidden in [
            "process::Command",
            "std::process::{",
            "std::process::*",
            "Command::new",
            "File::create",
            "create_new(",
            ".create(",
            "create_dir",
            "remove_dir",
            "remove_file",
            "fs::rename",
            "rename(",
            "fs::copy",
            "hard_link",
            "symlink(",
            "fs::write",
            ".write(true)",
            ".append(true)",
            "set_permissions",
            "chown(",
        ] {
            assert!(!code.contains(forbidden), "{}: {forbidden}", path.display());
        }
    }
}
