//! Which process holds a socket: the links in `/proc/PID/fd`, read through the `procfs` crate.

use super::read::ProcRoot;
use procfs::process::FDTarget;
use std::collections::HashMap;

/// The process of each socket inode, and how many processes would not show their descriptors.
///
/// Of several processes that share a socket the last in the order of `/proc` stands, as in snmpd. Processes
/// that end meanwhile or belong to others are stepped over: their sockets have no process here.
///
/// # Errors
/// If the root itself cannot be listed.
pub fn by_inode(root: &ProcRoot) -> Result<(HashMap<u64, u32>, usize), String> {
    let processes = procfs::process::all_processes_with_root(root.path())
        .map_err(|error| format!("{}: {error}", root.path().display()))?;
    let (mut owners, mut closed) = (HashMap::new(), 0);
    for process in processes.flatten() {
        let Ok(pid) = u32::try_from(process.pid()) else {
            continue;
        };
        match process.fd() {
            Ok(descriptors) => {
                owners.extend(descriptors.flatten().filter_map(|descriptor| match descriptor.target {
                    FDTarget::Socket(inode) => Some((inode, pid)),
                    _ => None,
                }));
            }
            Err(_) => closed += 1,
        }
    }
    Ok((owners, closed))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsRawFd;

    #[test]
    fn finds_the_owner_of_a_socket_of_our_own() {
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let link = std::fs::read_link(format!("/proc/self/fd/{}", socket.as_raw_fd())).unwrap();
        let inode =
            link.to_str().unwrap().trim_start_matches("socket:[").trim_end_matches(']').parse().unwrap();
        let (owners, _) = by_inode(&ProcRoot::new("/proc")).unwrap();
        assert_eq!(owners.get(&inode), Some(&std::process::id()));
    }

    #[test]
    fn a_root_that_is_not_there_is_an_error() {
        assert!(by_inode(&ProcRoot::new("/nowhere")).unwrap_err().starts_with("/nowhere: "));
    }
}
