//! A number as the kernel prints it, and what it stands for.

use super::decimal;

/// A figure as it is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Figure {
    /// What nearly all are.
    Count(u64),
    /// Below zero: a setting such as Tcp MaxConn, which is -1 where there is no limit, or a level whose parts were not
    /// read at one moment.
    Negative(i64),
}

/// The type of a level in the kernel, whatever it prints it with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Width {
    /// 32 bits, and what never comes near 2^31 in more of them.
    Int,
    /// As many as an address has.
    Long,
}

impl Figure {
    /// A decimal number with or without a minus; `None` if it is anything else or does not fit 64 bits.
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

    /// What was printed, if it is a level: one that was printed without a sign but is below zero gets it back. A level
    /// of 32 bits is never 2^31 or more.
    #[must_use]
    pub fn as_level(self, width: Width) -> Self {
        let Self::Count(number) = self else {
            return self;
        };
        let wide = i64::try_from(number)
            .map_or_else(|_| Self::Negative(i64::from_ne_bytes(number.to_ne_bytes())), |_| self);
        // A program of 64 bits runs on no kernel of 32.
        let narrow = width == Width::Int || usize::BITS == 32;
        match u32::try_from(number) {
            Ok(number) if narrow && i32::try_from(number).is_err() => {
                Self::Negative(i32::from_ne_bytes(number.to_ne_bytes()).into())
            }
            _ => wide,
        }
    }

    /// What was printed, if it is a count, which is never below zero: one of 32 bits may be printed with a sign.
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

    /// What kernels were seen to print, and the edges beside it.
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
        // 4 GB of fragments are many, but there may be so many where a long has 64 bits.
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
