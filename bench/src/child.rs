//! A server that we started: its time on the processor, its memory, its end.

use anyhow::{Context as _, Result, bail};
use std::{
    fs,
    net::SocketAddr,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};
use tokio::net::TcpStream;

pub(crate) struct Running {
    child: Child,
    pub(crate) address: SocketAddr,
}

/// In KiB.
#[derive(Clone, Copy)]
pub(crate) struct Memory {
    pub(crate) resident: u32,
    pub(crate) peak: u32,
}

impl Running {
    pub(crate) fn start(command: &mut Command, address: SocketAddr) -> Result<Self> {
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .with_context(|| format!("cannot start {}", command.get_program().display()))?;
        Ok(Self { child, address })
    }

    /// Waits until the address accepts connections.
    pub(crate) async fn wait(&mut self, most: Duration) -> Result<()> {
        let started = Instant::now();
        while TcpStream::connect(self.address).await.is_err() {
            if let Some(status) = self.child.try_wait()? {
                bail!("the program for {} ended: {status}", self.address);
            }
            if started.elapsed() > most {
                bail!("nothing listens on {} after {most:?}", self.address);
            }
            tokio::time::sleep(Duration::from_micros(200)).await;
        }
        Ok(())
    }

    /// What all its threads have spent on the processor so far, in the kernel and outside.
    pub(crate) fn cpu(&self) -> Result<Duration> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        // The name in parentheses may hold anything; the numbers come after it, from the third field on.
        let (_, numbers) = stat.rsplit_once(')').context("/proc/PID/stat has another form")?;
        let ticks: u64 =
            numbers.split_whitespace().skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
        // Linux counts these in hundredths of a second for user space, whatever the kernel's own tick.
        Ok(Duration::from_millis(ticks.saturating_mul(10)))
    }

    pub(crate) fn memory(&self) -> Result<Memory> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let field = |name: &str| -> Result<u32> {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).context("/proc/PID/status")?;
            line.split_whitespace().next().and_then(|text| text.parse().ok()).context("/proc/PID/status")
        };
        Ok(Memory { resident: field("VmRSS:")?, peak: field("VmHWM:")? })
    }
}

impl Drop for Running {
    /// Asks it to stop, and makes it when it does not.
    fn drop(&mut self) {
        let _ = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        for _ in 0..300 {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            thread::sleep(Duration::from_millis(10));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A free port on loopback. Somebody else could take it before its server does, who then says so.
pub(crate) fn free_address() -> Result<SocketAddr> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}
