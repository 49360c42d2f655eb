//! Which core runs what: the servers on one, the load (and PostgreSQL) on the other, so that they do not share.

use std::{
    fs,
    process::{self, Command, Stdio},
};

pub(crate) enum Cores {
    Two { servers: u32, load: u32 },
    Unpinned,
}

impl Cores {
    /// The cores named by `wish`, or the first two that this process may use.
    pub(crate) fn find(wish: Option<&str>) -> Self {
        let allowed = wish.map_or_else(allowed, list);
        match allowed.as_slice() {
            [servers, load, ..] if has_taskset() => Self::Two { servers: *servers, load: *load },
            _ => {
                eprintln!("not pinned: two cores and `taskset` are needed; the figures say little");
                Self::Unpinned
            }
        }
    }

    pub(crate) fn pin_this_process(&self) {
        if let Self::Two { load, .. } = self {
            let pinned = Command::new("taskset")
                .args(["-a", "-p", "-c", &load.to_string(), &process::id().to_string()])
                .stdout(Stdio::null())
                .status();
            if !pinned.is_ok_and(|status| status.success()) {
                eprintln!("the load could not be pinned to core {load}");
            }
        }
    }

    /// A command on the core of the servers.
    pub(crate) fn server_command(&self, program: &str) -> Command {
        match self {
            Self::Two { servers, .. } => pinned(*servers, program),
            Self::Unpinned => Command::new(program),
        }
    }

    pub(crate) fn describe(&self) -> String {
        match self {
            Self::Two { servers, load } => format!("server on core {servers}, load on core {load}"),
            Self::Unpinned => "not pinned".to_owned(),
        }
    }
}

/// `taskset` replaces itself by the program, so the process id stays the same.
fn pinned(core: u32, program: &str) -> Command {
    let mut command = Command::new("taskset");
    command.args(["-c", &core.to_string(), program]);
    command
}

fn has_taskset() -> bool {
    Command::new("taskset").arg("--version").stdout(Stdio::null()).status().is_ok_and(|status| status.success())
}

fn allowed() -> Vec<u32> {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).map(list).unwrap_or_default()
}

/// `0-2,5` as numbers.
fn list(text: &str) -> Vec<u32> {
    text.trim()
        .split(',')
        .filter_map(|part| {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            Some(first.trim().parse::<u32>().ok()?..=last.trim().parse::<u32>().ok()?)
        })
        .flatten()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_cores_has_ranges() {
        assert_eq!(list(" 0-2,5\n"), [0, 1, 2, 5]);
        assert_eq!(list("3"), [3]);
        assert!(list("x").is_empty());
    }
}
