//! How much is in a ring, as told by who looks at it while its ends go on.
#![forbid(unsafe_code)]

/// How much there is at least between two ends with `room` between them: the one that follows was
/// at these positions before and after the other one was seen `ahead`; all of them have these `bits`.
/// `None`: ends that keep the rules are never there.
///
/// At the moment at which the other was ahead the follower was somewhere between the two.
pub(super) fn fill(room: u64, [before, after]: [u64; 2], ahead: u64, bits: u64) -> Option<u64> {
    let passed = after.wrapping_sub(before) & bits;
    let most = ahead.wrapping_sub(before) & bits;
    (most <= room.saturating_add(passed)).then(|| most.saturating_sub(passed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_at_rest_are_at_most_the_room_apart() {
        for from in [0, 1 << 40, u64::MAX - 10] {
            let fill = |ahead: u64| fill(64, [from; 2], from.wrapping_add(ahead), u64::MAX);
            assert_eq!((fill(0), fill(64)), (Some(0), Some(64)));
            assert_eq!((fill(65), fill(u64::MAX)), (None, None));
        }
    }

    #[test]
    fn follower_that_goes_on_may_have_been_anywhere_on_its_way() {
        let bits = 0xff;
        for from in [0_u64, 200, 250] {
            for there in 0..=100 {
                for full in 0..=8 {
                    let ahead = (from + there + full) & bits;
                    let fill = fill(8, [from, (from + 100) & bits], ahead, bits);
                    assert!(fill.is_some_and(|fill| fill <= full), "{there} and {full}");
                }
            }
            assert_eq!(fill(8, [from, from + 5], (from + 14) & bits, bits), None);
        }
    }
}
