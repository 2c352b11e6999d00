//! Medians, and how figures are written.

use std::time::Duration;

/// The middle of some values, or the mean of the two in the middle; nothing of nothing.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => None,
        length if length % 2 == 1 => Some(values[middle]),
        _ => Some(f64::midpoint(values[middle - 1], values[middle])),
    }
}

/// A duration in milliseconds.
pub(crate) fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

/// Bytes in Lambda's megabytes, of 1,048,576 bytes.
pub(crate) fn megabytes(bytes: f64) -> f64 {
    bytes / 1_048_576.0
}

/// A figure with as many places as tell something: three digits, and no more than one place behind a number of ten and above.
pub(crate) fn figure(value: f64) -> String {
    match value.abs() {
        size if size < 1.0 => format!("{value:.2}"),
        size if size < 99.95 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

/// A whole number with its thousands apart.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_of_values() {
        assert_eq!(median([]), None);
        assert_eq!(median([3.0]), Some(3.0));
        assert_eq!(median([9.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median([4.0, 1.0, 100.0, 2.0]), Some(3.0));
    }

    #[test]
    fn figures_say_what_they_know() {
        let shown = [0.123, 1.25, 9.96, 99.94, 99.96, 1234.5].map(figure);
        assert_eq!(shown, ["0.12", "1.2", "10.0", "99.9", "100", "1234"]);
        assert_eq!([0, 999, 1000, 7_301_904].map(grouped), ["0", "999", "1,000", "7,301,904"]);
    }
}
