//! Durations and sizes as people read them, in eight columns or less.

/// Milliseconds: `0.4 ms`, `52 ms`, `1.52 s`, `61.0 s`.
pub(crate) fn duration(ms: f64) -> String {
    match ms {
        _ if ms <= 0.0 => "0 ms".into(),
        _ if ms < 0.95 => format!("{ms:.1} ms"),
        _ if ms < 999.5 => format!("{ms:.0} ms"),
        _ if ms < 9_995.0 => format!("{:.2} s", ms / 1000.0),
        _ => format!("{:.1} s", ms / 1000.0),
    }
}

/// Bytes: `0 B`, `512 B`, `1.0 KiB`, `31.4 MiB`.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut value = bytes as f64 / 1024.0;
    let mut unit = 0;
    // 1023.95 would be shown as 1024.0.
    while value >= 1023.95 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

/// A number with its thousands apart: `131,072`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut shown = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::{duration, grouped, size};

    #[test]
    fn durations_change_their_unit_where_rounding_would_overflow() {
        let shown = [
            0.0, 0.04, 0.94, 0.96, 52.4, 999.4, 999.6, 1520.0, 9_996.0, 61_000.0,
        ]
        .map(duration);
        assert_eq!(
            shown,
            [
                "0 ms", "0.0 ms", "0.9 ms", "1 ms", "52 ms", "999 ms", "1.00 s", "1.52 s",
                "10.0 s", "61.0 s"
            ]
        );
    }

    #[test]
    fn sizes_change_their_unit_where_rounding_would_overflow() {
        let shown = [0, 1023, 1024, 1024 * 1024 - 1, 32 << 20, 5 << 30].map(size);
        assert_eq!(
            shown,
            ["0 B", "1023 B", "1.0 KiB", "1.0 MiB", "32.0 MiB", "5.0 GiB"]
        );
    }

    #[test]
    fn thousands_stand_apart() {
        assert_eq!(
            [0, 999, 1000, 131_072, 1_048_576].map(grouped),
            ["0", "999", "1,000", "131,072", "1,048,576"]
        );
    }
}
