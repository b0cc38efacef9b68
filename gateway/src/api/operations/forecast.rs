//! Forecasts when the storage will be full, from its past growth.

use refity_store::StorageDay;
use serde::Serialize;
use utoipa::ToSchema;

use crate::timestamp::day;

/// The minimum number of days for a forecast.
const DAYS_MIN: usize = 14;

/// The maximum number of recent days to use: older ones say little about the
/// future.
const DAYS_MAX: usize = 90;

/// The longest forecast, in days: ten years.
const AHEAD_MAX: f64 = 3650.0;

/// A forecast of when the storage will be full.
#[derive(Debug, PartialEq, Serialize, ToSchema)]
pub(super) struct Forecast {
    /// The forecast as a sentence.
    #[schema(example = "full in about 41 days")]
    words: String,
    /// The growth in bytes per day; `null` without enough data.
    #[schema(example = 1_073_741_824)]
    bytes_per_day: Option<i64>,
    /// The number of days until the storage is full; `null` if unknown or if it
    /// does not grow.
    #[schema(example = 41)]
    days_left: Option<i64>,
    /// The day on which the storage is full.
    #[schema(example = "2026-03-13")]
    full_on: Option<String>,
}

impl Forecast {
    fn of(words: impl Into<String>, bytes_per_day: Option<i64>) -> Self {
        Self {
            words: words.into(),
            bytes_per_day,
            days_left: None,
            full_on: None,
        }
    }
}

/// Fits a straight line through the days (least squares): through the storage's
/// own usage numbers if known, otherwise through the bytes that the registry
/// stored.
pub(super) fn forecast(days: &[StorageDay]) -> Forecast {
    let days = &days[days.len().saturating_sub(DAYS_MAX)..];
    if days.len() < DAYS_MIN {
        return Forecast::of("not enough data", None);
    }
    let told = days.iter().all(|it| it.capacity.is_some());
    let used = |it: &StorageDay| match it.capacity {
        Some(room) if told => room.total - room.free,
        _ => it.stored,
    };
    let Some(last) = days.last() else {
        return Forecast::of("not enough data", None);
    };
    let points = days.iter().map(|it| (it.day - last.day, used(it)));
    let slope = slope(points.map(|(x, y)| (as_float(x), as_float(y))));
    let a_day = as_whole(slope);
    let Some(room) = last.capacity else {
        return Forecast::of("the storage does not tell its room", Some(a_day));
    };
    if a_day <= 0 {
        return Forecast::of("it does not grow", Some(a_day));
    }
    let left = as_float(room.free) / slope;
    if left > AHEAD_MAX {
        return Forecast::of("not full within ten years", Some(a_day));
    }
    let left = as_whole(left);
    Forecast {
        words: match left {
            0 => "full within a day".to_owned(),
            1 => "full in about a day".to_owned(),
            _ => format!("full in about {left} days"),
        },
        bytes_per_day: Some(a_day),
        days_left: Some(left),
        full_on: Some(day(last.day + left)),
    }
}

fn slope(points: impl Iterator<Item = (f64, f64)> + Clone) -> f64 {
    let (mut n, mut sum_x, mut sum_y) = (0.0, 0.0, 0.0);
    for (x, y) in points.clone() {
        n += 1.0;
        sum_x += x;
        sum_y += y;
    }
    let (mean_x, mean_y) = (sum_x / n, sum_y / n);
    let (mut with, mut across) = (0.0, 0.0);
    for (x, y) in points {
        with += (x - mean_x) * (y - mean_y);
        across += (x - mean_x) * (x - mean_x);
    }
    if across > 0.0 { with / across } else { 0.0 }
}

#[allow(clippy::cast_precision_loss, reason = "a forecast is not exact")]
fn as_float(number: i64) -> f64 {
    number as f64
}

#[allow(clippy::cast_possible_truncation, reason = "far fewer than 2^63")]
fn as_whole(number: f64) -> i64 {
    number.round() as i64
}

#[cfg(test)]
mod tests {
    use super::*;
    use refity_store::Capacity;

    fn days(count: i64, growth: i64, total: Option<i64>) -> Vec<StorageDay> {
        let one = |n: i64| StorageDay {
            day: 20_000 + n,
            stored: 1000 + growth * n,
            logical: 0,
            blobs: 1,
            capacity: total.map(|total| Capacity {
                total,
                free: total - 1000 - growth * n,
            }),
        };
        (0..count).map(one).collect()
    }

    #[test]
    fn forecasts_need_two_weeks_of_data() {
        let words = |count| forecast(&days(count, 10, Some(100_000))).words;
        assert_eq!(words(0), "not enough data");
        assert_eq!(words(13), "not enough data");
        assert_ne!(words(14), "not enough data");
    }

    #[test]
    fn steady_growth_is_extrapolated() {
        // On the last day, 1290 of 2000 bytes are used, with a growth of 10
        // bytes per day.
        let forecast = forecast(&days(30, 10, Some(2000)));
        assert_eq!(forecast.bytes_per_day, Some(10));
        assert_eq!(forecast.days_left, Some(71));
        assert_eq!(forecast.full_on, Some(day(20_029 + 71)));
        assert_eq!(forecast.words, "full in about 71 days");
    }

    #[test]
    fn storage_without_growth_or_numbers_has_no_end_date() {
        for (growth, total, words) in [
            (0, Some(2000), "it does not grow"),
            (-5, Some(2000), "it does not grow"),
            (1, Some(i64::MAX / 4), "not full within ten years"),
            (10, None, "the storage does not tell its room"),
        ] {
            let forecast = forecast(&days(30, growth, total));
            assert_eq!(forecast.words, words);
            assert_eq!((forecast.days_left, forecast.full_on), (None, None));
        }
    }

    #[test]
    fn missing_days_count_as_elapsed_time() {
        let mut days = days(40, 10, Some(5000));
        days.retain(|it| it.day % 2 == 0);
        assert_eq!(forecast(&days).bytes_per_day, Some(10));
    }
}
