//! `walk` and `get`: what a manager would get.

use super::config_argument::ConfigArgument;
use super::failure::Failure;
use super::local::Local;
use crate::mib::MIB_2;
use crate::smi::Missing;
use crate::smi::oid::Oid;
use std::io::Write;

#[derive(clap::Args)]
pub struct WalkArguments {
    #[command(flatten)]
    config: ConfigArgument,
    /// OID or name of a subtree, such as 1.3.6.1.2.1.6 or lnsTcpStateTable [default: all that is served]
    #[arg(value_name = "OID or NAME")]
    start: Option<String>,
}

#[derive(clap::Args)]
pub struct GetArguments {
    #[command(flatten)]
    config: ConfigArgument,
    /// Instances, such as tcpCurrEstab.0 or lnsTcpStateSockets.all.closeWait
    #[arg(value_name = "OID or NAME", required = true)]
    names: Vec<String>,
}

pub fn walk(arguments: &WalkArguments, out: &mut impl Write) -> Result<(), Failure> {
    let mut local = Local::new(&arguments.config)?;
    let all = match &arguments.start {
        Some(start) => vec![local.resolve(start)?],
        None => local.view.subtrees().into_iter().filter(|subtree| !below_another(subtree)).collect(),
    };
    for root in all {
        let (mut name, mut include, mut any) = (root.clone(), true, false);
        while let Some((next, value)) = local.compute(|view, cx| view.next(cx, &name, include, None)) {
            if next.strip_prefix(root.as_slice()).is_none() {
                break;
            }
            writeln!(out, ".{next} = {value}")?;
            (name, include, any) = (next, false, true);
        }
        if !any {
            get_one(&mut local, &root, out)?;
        }
    }
    local.outcome()
}

/// Whether a walk of icmp, tcp or udp includes this subtree anyway.
fn below_another(subtree: &Oid) -> bool {
    subtree.strip_prefix(&MIB_2).is_some_and(|rest| rest.len() > 1)
}

pub fn get(arguments: &GetArguments, out: &mut impl Write) -> Result<(), Failure> {
    let mut local = Local::new(&arguments.config)?;
    let names = arguments.names.iter().map(|name| local.resolve(name)).collect::<Result<Vec<_>, _>>()?;
    for name in names {
        get_one(&mut local, &name, out)?;
    }
    local.outcome()
}

fn get_one(local: &mut Local, name: &Oid, out: &mut impl Write) -> Result<(), Failure> {
    match local.compute(|view, cx| view.get(cx, name)) {
        Ok(value) => writeln!(out, ".{name} = {value}")?,
        Err(Missing::Object) => {
            writeln!(out, ".{name} = No Such Object available on this agent at this OID")?;
        }
        Err(Missing::Instance) => writeln!(out, ".{name} = No Such Instance currently exists at this OID")?,
    }
    Ok(())
}
