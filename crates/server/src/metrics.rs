//! Counters and durations for operators, in the OpenMetrics text format.

use crate::store::Pressure;
use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};
use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
    time::Instant,
};

/// The labels of one request; `route` is the route's pattern, never the path, so that their number is bounded.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    method: &'static str,
    route: String,
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteName {
    route: String,
}

pub struct Metrics {
    registry: Registry,
    requests: Family<Labels, Counter>,
    seconds: Family<RouteName, Histogram>,
    /// The series of each route, to be found without making its labels.
    routes: RwLock<HashMap<Box<str>, Arc<Series>>>,
    reads_waiting: Gauge,
    writes_waiting: Gauge,
    reachable: Gauge,
}

/// What is counted on one route.
struct Series {
    seconds: Histogram,
    requests: RwLock<Vec<(&'static str, u16, Counter)>>,
}

/// When a request began; made and read by `Metrics` only.
pub struct Started(Instant);

impl Metrics {
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("hospes");
        let requests = Family::<Labels, Counter>::default();
        let seconds = Family::<RouteName, Histogram>::new_with_constructor(|| {
            Histogram::new([0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0])
        });
        registry.register("requests", "Answered requests", requests.clone());
        registry.register("request_seconds", "From the first byte of a request to its answer", seconds.clone());
        let (reads_waiting, writes_waiting, reachable) = (Gauge::default(), Gauge::default(), Gauge::default());
        registry.register("store_reads_waiting", "Reads in the queue of the database", reads_waiting.clone());
        registry.register("store_writes_waiting", "Transactions in the queue of the database", writes_waiting.clone());
        registry.register("store_reachable", "1 when the database can be reached", reachable.clone());
        let routes = RwLock::default();
        Self { registry, requests, seconds, routes, reads_waiting, writes_waiting, reachable }
    }

    #[expect(clippy::disallowed_methods, reason = "a duration is measured, no decision rests on it")]
    pub fn start(&self) -> Started {
        Started(Instant::now())
    }

    /// Counts a request that was answered with `status`. `route` is the pattern that it matched.
    pub fn finish(&self, started: Started, method: &str, route: &str, status: u16) {
        let series = self.series(route);
        series.seconds.observe(started.0.elapsed().as_secs_f64());
        let method = method_label(method);
        let known = series.requests.read().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, _, counter)) = known.iter().find(|own| (own.0, own.1) == (method, status)) {
            counter.inc();
            return;
        }
        drop(known);
        let counter = self.requests.get_or_create_owned(&Labels { method, route: route.to_owned(), status });
        counter.inc();
        series.requests.write().unwrap_or_else(PoisonError::into_inner).push((method, status, counter));
    }

    fn series(&self, route: &str) -> Arc<Series> {
        if let Some(series) = self.routes.read().unwrap_or_else(PoisonError::into_inner).get(route) {
            return Arc::clone(series);
        }
        let seconds = self.seconds.get_or_create_owned(&RouteName { route: route.to_owned() });
        let mut routes = self.routes.write().unwrap_or_else(PoisonError::into_inner);
        let series =
            routes.entry(route.into()).or_insert_with(|| Arc::new(Series { seconds, requests: RwLock::default() }));
        Arc::clone(series)
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

/// Anybody can invent methods; each of them as a label would be a series that stays.
fn method_label(method: &str) -> &'static str {
    ["GET", "POST", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE"]
        .into_iter()
        .find(|known| *known == method)
        .unwrap_or("other")
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUIET: Pressure = Pressure { reads_waiting: 0, writes_waiting: 0, is_reachable: true };

    #[test]
    fn requests_are_counted_by_method_route_and_status() {
        let metrics = Metrics::new();
        for status in [200, 200, 400] {
            metrics.finish(metrics.start(), "POST", "/oauth2/token", status);
        }
        metrics.finish(metrics.start(), "GET", "/oauth2/token", 200);
        let text = metrics.text(QUIET);
        for line in [
            r#"hospes_requests_total{method="POST",route="/oauth2/token",status="200"} 2"#,
            r#"hospes_requests_total{method="POST",route="/oauth2/token",status="400"} 1"#,
            r#"hospes_requests_total{method="GET",route="/oauth2/token",status="200"} 1"#,
            r#"hospes_request_seconds_count{route="/oauth2/token"} 4"#,
        ] {
            assert!(text.contains(line), "{line} is not in:\n{text}");
        }
    }

    #[test]
    fn invented_methods_are_one_series() {
        let metrics = Metrics::new();
        for n in 0..100 {
            metrics.finish(metrics.start(), &format!("M{n}"), "unmatched", 405);
        }
        let text = metrics.text(QUIET);
        assert!(text.contains(r#"hospes_requests_total{method="other",route="unmatched",status="405"} 100"#), "{text}");
        assert!(!text.contains("M7"), "{text}");
    }
}
