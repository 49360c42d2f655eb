//! What came out, as a table for people.

use crate::{
    cores::Cores,
    load::Round,
    rows::{Row, Target},
};
use std::{fmt, fs, time::Duration};

/// One program in one round.
pub(crate) struct Figures {
    per_second: f64,
    pub(crate) cpu_micros: f64,
    p50_millis: f64,
    p99_millis: f64,
}

/// All rounds of one row.
#[derive(Default)]
pub(crate) struct Measured {
    pub(crate) limit: Vec<Figures>,
    pub(crate) hospes: Vec<Figures>,
    pub(crate) peer: Vec<Figures>,
}

/// Start and memory.
pub(crate) struct Start {
    pub(crate) milliseconds: f64,
    pub(crate) idle_mb: f64,
    pub(crate) loaded_mb: f64,
}

pub(crate) struct Report {
    title: String,
    rows: Vec<(&'static Row, Measured)>,
    pub(crate) start: Option<Start>,
}

impl Figures {
    pub(crate) fn of(mut round: Round, cpu: Duration) -> Self {
        round.latencies.sort_unstable();
        let count = f64::from(round.operations.max(1));
        let at = |hundredths: usize| {
            let place = round.latencies.len().saturating_mul(hundredths).checked_div(100).unwrap_or_default();
            f64::from(round.latencies.get(place).copied().unwrap_or_default()) / 1e3
        };
        Self {
            per_second: count / round.elapsed.as_secs_f64().max(1e-9),
            cpu_micros: cpu.as_secs_f64() * 1e6 / count,
            p50_millis: at(50),
            p99_millis: at(99),
        }
    }
}

impl Report {
    pub(crate) fn new(database: &str, rounds: u32, seconds: u32, cores: &Cores) -> Self {
        let title = format!(
            "{database}; medians of {rounds} rounds of {seconds} s; {}; {}",
            cores.describe(),
            processor().unwrap_or_else(|| "processor unknown".to_owned())
        );
        Self { title, rows: Vec::new(), start: None }
    }

    pub(crate) fn add(&mut self, row: &'static Row, measured: Measured) {
        self.rows.push((row, measured));
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n{}\n", self.title)?;
        if !self.rows.is_empty() {
            writeln!(
                f,
                "| operation | in flight | of the limit | by processor time | target | Hospes /s | limit /s | p50 / p99 ms | CPU µs, limit | \
                 times peer | peer /s |\n|---|---|---|---|---|---|---|---|---|---|---|"
            )?;
        }
        for (row, measured) in &self.rows {
            writeln!(f, "{}", line(row, measured))?;
        }
        if let Some(start) = &self.start {
            writeln!(f, "\n| | measured | target |\n|---|---|---|")?;
            writeln!(f, "| start to first answer | {:.0} ms | ≤ 100 ms |", start.milliseconds)?;
            writeln!(f, "| memory idle | {:.1} MB | ≤ 30 MB |", start.idle_mb)?;
            writeln!(f, "| memory under load, peak | {:.1} MB | ≤ 60 MB |", start.loaded_mb)?;
        }
        Ok(())
    }
}

fn line(row: &Row, measured: &Measured) -> String {
    let Measured { limit, hospes, peer } = measured;
    let of = |figures: &[Figures], get: fn(&Figures) -> f64| median(figures.iter().map(get).collect());
    let ratio = |others: &[Figures]| {
        median(hospes.iter().zip(others).map(|(own, other)| own.per_second / other.per_second).collect())
    };
    let by_cpu = median(hospes.iter().zip(limit).map(|(own, other)| other.cpu_micros / own.cpu_micros).collect());
    let (target, is_met) = match row.target {
        Target::OfLimit(least) => (format!("≥ {:.0} %", least * 100.0), Some(ratio(limit) >= least)),
        Target::PerSecond(least) => (format!("≥ {least:.0} /s"), Some(of(hospes, |own| own.per_second) >= least)),
        Target::TimesPeer(least) => (format!("≥ {least:.0} × peer"), (!peer.is_empty()).then(|| ratio(peer) >= least)),
    };
    let verdict = match is_met {
        Some(true) => " ✓",
        Some(false) => " ✗",
        None => "",
    };
    let (times_peer, peer_rate) = if peer.is_empty() {
        ("–".to_owned(), "–".to_owned())
    } else {
        (format!("{:.1}", ratio(peer)), format!("{:.0}", of(peer, |own| own.per_second)))
    };
    format!(
        "| {} | {} | {:.0} % | {:.0} % | {target}{verdict} | {:.0} | {:.0} | {:.1} / {:.1} | {:.0}, {:.0} | {times_peer} | {peer_rate} |",
        row.name,
        row.in_flight,
        ratio(limit) * 100.0,
        by_cpu * 100.0,
        of(hospes, |own| own.per_second),
        of(limit, |own| own.per_second),
        of(hospes, |own| own.p50_millis),
        of(hospes, |own| own.p99_millis),
        of(hospes, |own| own.cpu_micros),
        of(limit, |own| own.cpu_micros),
    )
}

pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

fn processor() -> Option<String> {
    let text = fs::read_to_string("/proc/cpuinfo").ok()?;
    let name = text.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'))?.1.trim().to_owned();
    let count = text.lines().filter(|line| line.starts_with("processor")).count();
    Some(format!("{count} × {name}"))
}
