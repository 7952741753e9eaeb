//! A number as the kernel prints it, and what it means.

use super::decimal;

/// A figure as printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Figure {
    /// Nearly all figures.
    Count(u64),
    /// Below zero: a setting such as Tcp MaxConn, where -1 means no limit, or a level whose parts were not read at the
    /// same moment.
    Negative(i64),
}

/// The kernel's type of a level, however the kernel prints it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Width {
    /// 32 bits, or wider but never close to 2^31.
    Int,
    /// As wide as an address.
    Long,
}

impl Figure {
    /// A decimal number with or without a minus; `None` if the text is anything else or does not fit 64 bits.
    #[must_use]
    pub fn parse(word: &[u8]) -> Option<Self> {
        match word.strip_prefix(b"-") {
            None => decimal(word).map(Self::Count),
            Some(digits) => match 0_i64.checked_sub_unsigned(decimal(digits)?)? {
                0 => Some(Self::Count(0)),
                number => Some(Self::Negative(number)),
            },
        }
    }

    /// The figure read as a level: restores the sign of a level below zero that was printed without one. A level of 32
    /// bits never reaches 2^31.
    #[must_use]
    pub fn as_level(self, width: Width) -> Self {
        let Self::Count(number) = self else {
            return self;
        };
        let wide = i64::try_from(number)
            .map_or_else(|_| Self::Negative(i64::from_ne_bytes(number.to_ne_bytes())), |_| self);
        // A 64-bit program runs on no 32-bit kernel.
        let narrow = width == Width::Int || usize::BITS == 32;
        match u32::try_from(number) {
            Ok(number) if narrow && i32::try_from(number).is_err() => {
                Self::Negative(i32::from_ne_bytes(number.to_ne_bytes()).into())
            }
            _ => wide,
        }
    }

    /// The figure read as a count, which is never below zero: kernels may print a count of 32 bits with a sign.
    #[must_use]
    pub fn as_count(self) -> Self {
        match self {
            Self::Negative(number) => i32::try_from(number)
                .map_or(self, |number| Self::Count(u32::from_ne_bytes(number.to_ne_bytes()).into())),
            Self::Count(_) => self,
        }
    }

    /// The number, unless it is below zero.
    #[must_use]
    pub fn count(self) -> Option<u64> {
        match self {
            Self::Count(number) => Some(number),
            Self::Negative(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_with_and_without_a_sign() {
        let parse = |text: &str| Figure::parse(text.as_bytes());
        assert_eq!(parse("18446744073709551615"), Some(Figure::Count(u64::MAX)));
        assert_eq!(parse("-9223372036854775808"), Some(Figure::Negative(i64::MIN)));
        assert_eq!((parse("-1"), parse("-0")), (Some(Figure::Negative(-1)), Some(Figure::Count(0))));
        for bad in ["", "-", "--1", "+1", "1-", "-9223372036854775809", "18446744073709551616", "0x1"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }

    /// What kernels have been seen to print, and the edge cases next to it.
    #[test]
    fn a_level_below_zero_is_known_however_it_is_printed() {
        let level = |text: &str, width| Figure::parse(text.as_bytes()).unwrap().as_level(width);
        for width in [Width::Int, Width::Long] {
            for (text, below) in [("-3", -3), ("18446744073709547776", -3840), ("18446744073709551615", -1)] {
                assert_eq!(level(text, width), Figure::Negative(below), "{text}");
            }
            for (text, count) in [("0", 0), ("2147483647", 2_147_483_647), ("4294967296", 1 << 32)] {
                assert_eq!(level(text, width), Figure::Count(count), "{text}");
            }
            assert_eq!(level("9223372036854775807", width), Figure::Count(i64::MAX.cast_unsigned()));
            assert_eq!(level("9223372036854775808", width), Figure::Negative(i64::MIN));
        }
        assert_eq!(level("4294967293", Width::Int), Figure::Negative(-3));
        assert_eq!(level("2147483648", Width::Int), Figure::Negative(i32::MIN.into()));
        // 4 GB of fragments are a lot, but possible where a long has 64 bits.
        let four_gb = if usize::BITS == 32 { Figure::Negative(-3) } else { Figure::Count(4_294_967_293) };
        assert_eq!(level("4294967293", Width::Long), four_gb);
    }

    #[test]
    fn a_count_is_never_below_zero() {
        let count = |text: &str| Figure::parse(text.as_bytes()).unwrap().as_count().count();
        assert_eq!(count("-2147483000"), Some(2_147_484_296));
        assert_eq!((count("-1"), count("4294967295")), (Some(4_294_967_295), Some(4_294_967_295)));
        assert_eq!(count("-2147483648"), Some(1 << 31));
        assert_eq!(count("-2147483649"), None);
        assert_eq!(count("18446744073709551615"), Some(u64::MAX));
    }
}
