//! Counters and durations for operators, in the OpenMetrics text format.

use crate::store::Pressure;
use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};
use std::time::Instant;

/// The labels of one request; `route` is the route's pattern, never the path.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Route {
    pub method: String,
    pub route: String,
    pub status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct RouteName {
    pub route: String,
}

pub struct Metrics {
    registry: Registry,
    requests: Family<Route, Counter>,
    seconds: Family<RouteName, Histogram>,
    reads_waiting: Gauge,
    writes_waiting: Gauge,
    reachable: Gauge,
}

/// When a request began; made and read by `Metrics` only.
pub struct Started(Instant);

impl Metrics {
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("hospes");
        let requests = Family::<Route, Counter>::default();
        let seconds = Family::<RouteName, Histogram>::new_with_constructor(|| {
            Histogram::new([0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0])
        });
        registry.register("requests", "Answered requests", requests.clone());
        registry.register("request_seconds", "From the first byte of a request to its answer", seconds.clone());
        let (reads_waiting, writes_waiting, reachable) = (Gauge::default(), Gauge::default(), Gauge::default());
        registry.register("store_reads_waiting", "Reads in the queue of the database", reads_waiting.clone());
        registry.register("store_writes_waiting", "Transactions in the queue of the database", writes_waiting.clone());
        registry.register("store_reachable", "1 when the database can be reached", reachable.clone());
        Self { registry, requests, seconds, reads_waiting, writes_waiting, reachable }
    }

    #[expect(clippy::disallowed_methods, reason = "a duration is measured, no decision rests on it")]
    pub fn start(&self) -> Started {
        Started(Instant::now())
    }

    pub fn finish(&self, started: Started, route: &Route) {
        self.requests.get_or_create(route).inc();
        self.seconds
            .get_or_create(&RouteName { route: route.route.clone() })
            .observe(started.0.elapsed().as_secs_f64());
    }

    /// The whole registry as OpenMetrics text, with how busy the store is at this moment.
    pub fn text(&self, store: Pressure) -> String {
        let gauge = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        self.reads_waiting.set(gauge(store.reads_waiting));
        self.writes_waiting.set(gauge(store.writes_waiting));
        self.reachable.set(i64::from(store.is_reachable));
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}
