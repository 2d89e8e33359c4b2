//! Texts and numbers in bytes, without `core::fmt`, `core::str` and `core::net`: those alone would be a tenth of the component.
use alloc::{string::String, vec::Vec};

/// The parts in one string.
pub(crate) fn join(parts: &[&str]) -> String {
    parts.concat()
}

/// Bytes of ASCII as a text.
pub(crate) fn ascii(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_default()
}

/// Appends the two hexadecimal digits of a byte.
pub(crate) fn push_hex(text: &mut Vec<u8>, byte: u8) {
    for digit in [byte >> 4, byte & 15] {
        text.push(digit + if digit < 10 { b'0' } else { b'A' - 10 });
    }
}

/// What somebody else wrote, for a person: at most `most` bytes of it, and `\x0A` for each that is no printable ASCII.
pub(crate) fn shown(bytes: &[u8], most: usize) -> String {
    let mut text = Vec::new();
    for &byte in bytes.iter().take(most) {
        match byte {
            b'"' | b'\\' => text.extend_from_slice(&[b'\\', byte]),
            b' '..=b'~' => text.push(byte),
            _ => {
                text.extend_from_slice(b"\\x");
                push_hex(&mut text, byte);
            }
        }
    }
    ascii(text)
}

/// `number` in decimal digits.
pub(crate) fn decimal(number: usize) -> String {
    let mut text = Vec::new();
    push_decimal(&mut text, number);
    ascii(text)
}

/// Appends `number` in decimal digits.
pub(crate) fn push_decimal(text: &mut Vec<u8>, number: usize) {
    let mut unit = 1;
    while number / unit > 9 {
        unit *= 10;
    }
    while unit > 0 {
        text.push(b'0' + (number / unit % 10) as u8);
        unit /= 10;
    }
}

/// The number that these digits say, the largest of its type when it does not fit; none for anything else than digits.
pub(crate) fn number(digits: &[u8], radix: u32) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    let mut number: u64 = 0;
    for &digit in digits {
        let digit = u64::from(char::from(digit).to_digit(radix)?);
        let radix = u64::from(radix);
        // Not `saturating_mul`, for which wasm has no instruction: it would multiply in 128 bits.
        number = match number > (u64::MAX - digit) / radix {
            true => u64::MAX,
            false => number * radix + digit,
        };
    }
    Some(number)
}

/// What stands before the first of the bytes `stops`, and the rest, which begins with it or is empty.
pub(crate) fn cut<'a>(bytes: &'a [u8], stops: &[u8]) -> (&'a [u8], &'a [u8]) {
    let mut place = 0;
    // Not `position` and `contains`: where code is made small these are calls, for every byte, and `contains` searches by words.
    'bytes: for byte in bytes {
        for stop in stops {
            if byte == stop {
                break 'bytes;
            }
        }
        place += 1;
    }
    bytes.split_at_checked(place).unwrap_or_default()
}
