//! A 64-bit hash for texts and messages: 16 bytes at a time through a folded 64 x 64 multiplication (the mixing step
//! of wyhash, <https://github.com/wangyi-fudan/wyhash>, public domain). Not for secrets: who knows the constants can
//! make collisions. The value is the same on every machine.

const SECRET: [u64; 4] = [0xa076_1d64_78bd_642f, 0xe703_7ed1_a0b4_28db, 0x8ebc_6af0_9c88_c6e3, 0x5899_65cc_7537_4cc3];

#[inline]
fn mix(a: u64, b: u64) -> u64 {
    let wide = u128::from(a) * u128::from(b);
    (wide as u64) ^ ((wide >> 64) as u64)
}

/// Eight bytes as a number; fewer are read as two halves that may overlap.
#[inline]
fn words(bytes: &[u8]) -> (u64, u64) {
    match (bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) {
        (Some(first), Some(last)) => (u64::from_le_bytes(*first), u64::from_le_bytes(*last)),
        _ => match (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
            (Some(first), Some(last)) => (u32::from_le_bytes(*first).into(), u32::from_le_bytes(*last).into()),
            _ => (bytes.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)), 0),
        },
    }
}

/// The hash of `bytes`; another `seed` gives another hash.
#[inline]
pub(crate) fn hash64(bytes: &[u8], seed: u64) -> u64 {
    let mut state = seed ^ SECRET[0];
    let mut rest = bytes;
    while rest.len() > 16 {
        let Some((chunk, after)) = rest.split_first_chunk::<16>() else { break };
        let (low, high) = words(chunk);
        state = mix(low ^ SECRET[1], high ^ state);
        rest = after;
    }
    let (low, high) = words(rest);
    state = mix(low ^ SECRET[2], high ^ state);
    mix(state ^ SECRET[3], (bytes.len() as u64) ^ SECRET[1])
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn texts_that_differ_in_one_place_differ_in_half_the_bits() {
        let base = b"{\"price\":\"97204.10\",\"size\":\"0.5\"}".to_vec();
        let mut flipped = 0;
        let mut tried = 0;
        for at in 0..base.len() {
            for bit in 0..8 {
                let mut other = base.clone();
                other[at] ^= 1 << bit;
                flipped += (hash64(&base, 0) ^ hash64(&other, 0)).count_ones();
                tried += 1;
            }
        }
        let mean = f64::from(flipped) / f64::from(tried);
        assert!((31.0..33.0).contains(&mean), "{mean}");
    }

    #[test]
    fn lengths_of_zeros_differ() {
        let hashes: HashSet<u64> = (0..300).map(|length| hash64(&vec![0; length], 0)).collect();
        assert_eq!(hashes.len(), 300);
    }
}
