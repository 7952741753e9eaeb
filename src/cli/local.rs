//! The answers that a manager gets, without snmpd: for `show`, `walk` and `get`.

use super::config_argument::ConfigArgument;
use super::failure::Failure;
use crate::config::Config;
use crate::mib::context::Context;
use crate::mib::names;
use crate::mib::view::View;
use crate::proc::read::ProcRoot;
use crate::smi::oid::Oid;
use crate::snapshot::{MaxAges, Snapshot, Touched};
use std::time::{Duration, Instant};

/// Figures are read once for the whole command, so that all of them are of one moment.
const ONCE: Duration = Duration::from_secs(24 * 3600);

/// A view with a snapshot of its own.
pub struct Local {
    /// All objects.
    pub view: View,
    base: Oid,
    snapshot: Snapshot,
    root: ProcRoot,
}

impl Local {
    /// Reads the configuration, if there is one, and nothing else yet.
    pub fn new(argument: &ConfigArgument) -> Result<Self, Failure> {
        let config = Config::read(argument.config.as_deref())?;
        Ok(Self {
            view: View::new(config.served()),
            base: config.mib.base_oid.clone().into(),
            snapshot: Snapshot::for_once(MaxAges {
                counters: ONCE,
                sockets: ONCE,
                processes: ONCE,
                answer_within: ONCE,
            }),
            root: config.proc_root(),
        })
    }

    /// The base of the private module.
    pub fn base(&self) -> &Oid {
        &self.base
    }

    /// Resolves a text to an OID.
    pub fn resolve(&self, text: &str) -> Result<Oid, Failure> {
        names::resolve(text, &self.base).map_err(Failure::usage)
    }

    /// Computes a result, reading the sources that it touches first.
    pub fn compute<T>(&mut self, compute: impl Fn(&View, &Context<'_>) -> T) -> T {
        loop {
            let cx = Context::new(&self.snapshot, Instant::now());
            let result = compute(&self.view, &cx);
            let touched: Touched = cx.touched();
            if self.snapshot.stale(touched, Instant::now()).is_empty() {
                return result;
            }
            self.snapshot.refresh_now(touched, &self.root);
        }
    }

    /// How a command ends: it fails if a source could not be read, since its output lacks that.
    pub fn outcome(&self) -> Result<(), Failure> {
        let errors: Vec<_> = self.snapshot.problems().collect();
        if errors.is_empty() {
            return Ok(());
        }
        Err(Failure::of(1, errors.join("; ")))
    }
}
