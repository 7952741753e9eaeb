//! Clock times as SNMPv2-TC defines them.

use chrono::{DateTime, Datelike, Timelike};
use std::time::{SystemTime, UNIX_EPOCH};

/// DateAndTime of SNMPv2-TC in UTC: year, month, day, hour, minute, second, deci-second, direction, hours and
/// minutes from UTC.
#[must_use]
pub fn date_and_time(time: SystemTime) -> Option<Vec<u8>> {
    // Linux's clock is never before 1970 (timespec64_valid_settod in include/linux/time64.h).
    let since = time.duration_since(UNIX_EPOCH).ok()?;
    let time = DateTime::from_timestamp(i64::try_from(since.as_secs()).ok()?, 0)?;
    let [high, low] = u16::try_from(time.year()).ok()?.to_be_bytes();
    let rest =
        [time.month(), time.day(), time.hour(), time.minute(), time.second(), since.subsec_millis() / 100];
    let rest = rest.into_iter().map(|field| u8::try_from(field).ok());
    [high, low].map(Some).into_iter().chain(rest).chain([b'+', 0, 0].map(Some)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn date_and_time_is_eleven_octets_in_utc() {
        let time = SystemTime::UNIX_EPOCH + Duration::from_millis(1_792_584_612_345);
        assert_eq!(date_and_time(time).unwrap(), [7, 234, 10, 21, 12, 10, 12, 3, b'+', 0, 0]);
        let last_of_a_leap_day = SystemTime::UNIX_EPOCH + Duration::from_millis(1_709_251_199_999);
        assert_eq!(date_and_time(last_of_a_leap_day).unwrap()[..8], [7, 232, 2, 29, 23, 59, 59, 9]);
        assert_eq!(date_and_time(SystemTime::UNIX_EPOCH).unwrap()[..8], [7, 178, 1, 1, 0, 0, 0, 0]);
    }
}
