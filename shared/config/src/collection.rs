//! Garbage collection: schedule and rules.

use std::time::Duration;

use clap::Args;

use super::values;

/// What counts as garbage in addition to deleted content.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CollectRules {
    /// Collect untagged manifests this long after their last tag moved or, if
    /// never tagged, after their push. `None` keeps them forever.
    pub untagged_after: Option<Duration>,
}

/// The arguments that decide what is garbage.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Garbage collection")]
#[allow(clippy::doc_markdown, reason = "the comments are the text of --help")]
pub struct CollectionArgs {
    /// Also collect manifests that have been untagged for this long: 30d, 12h [default:
    /// never; collect only deleted content]
    #[arg(long, env, value_parser = values::duration)]
    pub gc_untagged_after: Option<Duration>,
}

impl CollectionArgs {
    /// Returns the rules for what is garbage.
    #[must_use]
    pub fn rules(&self) -> CollectRules {
        CollectRules {
            untagged_after: self.gc_untagged_after,
        }
    }
}

/// The arguments that decide when garbage is collected.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Garbage collection")]
#[allow(clippy::doc_markdown, reason = "the comments are the text of --help")]
pub struct ScheduleArgs {
    /// Collect garbage daily at this time in UTC, such as 03:30, or off
    #[arg(long, env, value_parser = schedule, default_value = "03:30")]
    pub gc_schedule: Schedule,
}

/// When garbage is collected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Schedule {
    /// Only on request.
    Off,
    /// Daily, this long after midnight UTC.
    Daily(Duration),
}

impl Schedule {
    /// Returns the last time that a collection was due, in milliseconds UTC.
    #[must_use]
    pub fn last_due(self, now_ms: i64) -> Option<i64> {
        let Self::Daily(after_midnight) = self else {
            return None;
        };
        let after = crate::clock::millis(after_midnight);
        Some((now_ms - after).div_euclid(DAY_MS) * DAY_MS + after)
    }
}

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

fn schedule(text: &str) -> Result<Schedule, String> {
    let text = text.trim();
    if text.eq_ignore_ascii_case("off") {
        return Ok(Schedule::Off);
    }
    time_of_day(text).map(Schedule::Daily).ok_or_else(|| {
        "use a time of day in UTC from 00:00 to 23:59, such as 03:30, or off".to_owned()
    })
}

fn time_of_day(text: &str) -> Option<Duration> {
    let (hours, minutes) = text.split_once(':')?;
    let number = |digits: &str, below: u64| {
        let number = digits.parse::<u64>().ok()?;
        (digits.len() == 2 && digits.bytes().all(|digit| digit.is_ascii_digit()) && number < below)
            .then_some(number)
    };
    let minutes = number(hours, 24)? * 60 + number(minutes, 60)?;
    Some(Duration::from_secs(minutes * 60))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schedule_is_a_time_of_day_or_off() {
        assert_eq!(schedule("off"), Ok(Schedule::Off));
        assert_eq!(schedule("00:00"), Ok(Schedule::Daily(Duration::ZERO)));
        let half_past_three = Duration::from_secs(3 * 3600 + 30 * 60);
        assert_eq!(schedule(" 03:30 "), Ok(Schedule::Daily(half_past_three)));
        for text in [
            "",
            "3:30",
            "24:00",
            "12:60",
            "03:30:00",
            "0 3 * * *",
            "daily",
            "+3:30",
            "03:+1",
        ] {
            let words = schedule(text).unwrap_err();
            assert!(words.contains("03:30"), "{text}: {words}");
        }
    }

    #[test]
    fn the_last_due_time_is_today_or_yesterday() {
        let daily = Schedule::Daily(Duration::from_secs(3 * 3600));
        let hour = 3600 * 1000;
        for (now, due) in [
            (3 * hour, 3 * hour),
            (3 * hour - 1, 3 * hour - DAY_MS),
            (DAY_MS + 3 * hour - 1, 3 * hour),
            (DAY_MS + 3 * hour, DAY_MS + 3 * hour),
            (DAY_MS + 23 * hour, DAY_MS + 3 * hour),
        ] {
            assert_eq!(daily.last_due(now), Some(due), "{now}");
        }
        assert_eq!(Schedule::Off.last_due(3 * hour), None);
    }
}
