//! Figures per route, for Prometheus: requests by status class and their times.
//! One atomic addition each; a route's figures are found without a lookup, because its guard holds them.

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::{MetricType, TypedMetric};
use prometheus_client::registry::Registry;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Upper bounds of the time buckets, in microseconds: from a memory read to the longest poll.
const BUCKETS_US: [u64; 14] = [
    100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 1_000_000, 5_000_000,
    30_000_000,
];
/// 1xx to 5xx.
const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// The figures of one route.
#[derive(Debug, Default)]
pub(crate) struct RouteMetrics {
    classes: [AtomicU64; 5],
    buckets: [AtomicU64; BUCKETS_US.len() + 1],
    total_us: AtomicU64,
}

impl RouteMetrics {
    pub fn record(&self, status: u16, took: Duration) {
        let class = usize::from(status / 100).clamp(1, 5) - 1;
        self.classes[class].fetch_add(1, Ordering::Relaxed);
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let bucket = BUCKETS_US.iter().position(|bound| us <= *bound).unwrap_or(BUCKETS_US.len());
        self.buckets[bucket].fetch_add(1, Ordering::Relaxed);
        self.total_us.fetch_add(us, Ordering::Relaxed);
    }
}

/// A route's name in the figures, and the figures.
pub(crate) struct Labelled {
    pub method: &'static str,
    pub route: &'static str,
    pub metrics: Arc<RouteMetrics>,
}

struct Routes(Vec<Labelled>);

impl fmt::Debug for Routes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} routes", self.0.len())
    }
}

/// Adds the routes' figures to what is scraped.
pub(crate) fn register(registry: &mut Registry, routes: Vec<Labelled>) {
    registry.register_collector(Box::new(Routes(routes)));
}

impl Collector for Routes {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut counts =
            encoder.encode_descriptor("http_requests", "Requests answered", None, MetricType::Counter)?;
        for route in &self.0 {
            for (class, count) in CLASSES.iter().zip(&route.metrics.classes) {
                let count = count.load(Ordering::Relaxed);
                if count > 0 {
                    let labels = [("method", route.method), ("route", route.route), ("status", *class)];
                    counts.encode_family(&labels)?.encode_counter::<NoLabelSet, u64, u64>(&count, None)?;
                }
            }
        }
        let help = "Time from the head of a request to the head of its answer";
        let mut times =
            encoder.encode_descriptor("http_request_seconds", help, None, MetricType::Histogram)?;
        for route in &self.0 {
            let labels = [("method", route.method), ("route", route.route)];
            Times(&route.metrics).encode(times.encode_family(&labels)?)?;
        }
        Ok(())
    }
}

struct Times<'a>(&'a RouteMetrics);

impl TypedMetric for Times<'_> {
    const TYPE: MetricType = MetricType::Histogram;
}

impl EncodeMetric for Times<'_> {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        let bounds = BUCKETS_US.iter().map(|us| Duration::from_micros(*us).as_secs_f64());
        let counts = self.0.buckets.iter().map(|count| count.load(Ordering::Relaxed));
        let buckets: Vec<(f64, u64)> = bounds.chain([f64::INFINITY]).zip(counts).collect();
        let count = buckets.iter().map(|(_, count)| count).sum();
        let total = Duration::from_micros(self.0.total_us.load(Ordering::Relaxed)).as_secs_f64();
        encoder.encode_histogram::<NoLabelSet>(total, count, &buckets, None)
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Histogram
    }
}
