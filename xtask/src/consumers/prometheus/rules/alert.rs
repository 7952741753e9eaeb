//! What makes an alert.

/// One alert, with a rule for each of its severities.
pub struct Alert {
    pub name: &'static str,
    /// The expression; LIMIT stands for the threshold.
    pub expr: &'static str,
    /// Severity and threshold.
    pub levels: &'static [(&'static str, &'static str)],
    /// How long it must last.
    pub lasts: &'static str,
    /// What is wrong; follows the name of the host.
    pub summary: &'static str,
    /// Additional information; may be empty.
    pub about: &'static str,
    /// The object whose explanation applies; may be empty.
    pub object: &'static str,
}

/// Of connections lost a second.
pub const OVERFLOWS: &[(&str, &str)] = &[("warning", "1"), ("critical", "5")];
