//! Texts and numbers in bytes, without `core::fmt`, `core::str` and `core::net`: those alone would be a tenth of the component.
use alloc::string::String;

/// The parts in one string.
pub(crate) fn join(parts: &[&str]) -> String {
    parts.concat()
}

/// Appends a byte of ASCII.
pub(crate) fn push(text: &mut String, byte: u8) {
    text.push(char::from(byte & 0x7f));
}

/// Appends the two hexadecimal digits of a byte.
pub(crate) fn push_hex(text: &mut String, byte: u8) {
    for digit in [byte >> 4, byte & 15] {
        push(text, digit + if digit < 10 { b'0' } else { b'A' - 10 });
    }
}

/// What somebody else wrote, for a person: at most `most` bytes of it, and `\x0A` for each that is no printable ASCII.
pub(crate) fn shown(bytes: &[u8], most: usize) -> String {
    let mut text = String::new();
    for &byte in bytes.iter().take(most) {
        match byte {
            b'"' | b'\\' => {
                push(&mut text, b'\\');
                push(&mut text, byte);
            }
            b' '..=b'~' => push(&mut text, byte),
            _ => {
                text.push_str("\\x");
                push_hex(&mut text, byte);
            }
        }
    }
    text
}

/// `number` in decimal digits.
pub(crate) fn decimal(number: usize) -> String {
    let mut text = String::new();
    let mut unit = 1;
    while number / unit > 9 {
        unit *= 10;
    }
    while unit > 0 {
        push(&mut text, b'0' + (number / unit % 10) as u8);
        unit /= 10;
    }
    text
}

/// The number that these digits say, the largest of its type when it does not fit; none for anything else than digits.
pub(crate) fn number(digits: &[u8], radix: u32) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    let mut number: u64 = 0;
    for &digit in digits {
        let digit = char::from(digit).to_digit(radix)?;
        number = number
            .saturating_mul(radix.into())
            .saturating_add(digit.into());
    }
    Some(number)
}

/// What stands before the first of the bytes `stops`, and the rest, which begins with it or is empty.
pub(crate) fn cut<'a>(bytes: &'a [u8], stops: &[u8]) -> (&'a [u8], &'a [u8]) {
    let place = bytes.iter().position(|byte| stops.contains(byte));
    let place = place.unwrap_or(bytes.len());
    bytes.split_at_checked(place).unwrap_or_default()
}
