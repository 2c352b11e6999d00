//! Identifiers in the form that AWS gives to requests.

/// A random version 4 UUID.
pub(crate) fn new_uuid() -> String {
    let random = fastrand::u128(..) & !(0xf << 76 | 0x3 << 62);
    let hex = format!("{:032x}", random | (0x4 << 76 | 0x2 << 62));
    let (a, b) = (&hex[..8], &hex[8..12]);
    let (c, d, e) = (&hex[12..16], &hex[16..20], &hex[20..]);
    format!("{a}-{b}-{c}-{d}-{e}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_and_variant_are_set() {
        let id = new_uuid();
        assert_eq!(id.len(), 36);
        assert_eq!(id.as_bytes()[14], b'4');
        assert!(matches!(id.as_bytes()[19], b'8' | b'9' | b'a' | b'b'));
    }
}
