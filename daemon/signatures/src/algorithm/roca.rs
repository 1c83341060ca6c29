//! Keys of chips whose keys can be computed from their public half: CVE-2017-15361, "ROCA" (Nemec, Sys, Svenda, Klinec,
//! Matyas: The Return of Coppersmith's Attack, CCS 2017).
//!
//! Infineon's library made each prime as k·M + (65537^a mod M), M being a product of small primes. So the modulus, too, is
//! a power of 65537 modulo each of them. Of other moduli about one in 2²⁷·⁸ is.

/// The primes that are in M for every length of key; 2 tells nothing.
const PRIMES: [u32; 38] = [
    3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103,
    107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
];

const GENERATOR: u32 = 65537;

/// Whether an RSA modulus, in big-endian order, has the fingerprint.
pub(super) fn has_fingerprint(modulus: &[u8]) -> bool {
    PRIMES.iter().all(|prime| {
        let remainder = remainder(modulus, *prime);
        powers(*prime).any(|power| power == remainder)
    })
}

fn remainder(number: &[u8], prime: u32) -> u32 {
    let take = |so_far, byte: &u8| (so_far * 256 + u32::from(*byte)) % prime;
    number.iter().fold(0, take)
}

/// The subgroup that 65537 generates: 1, and what comes before it is 1 again.
fn powers(prime: u32) -> impl Iterator<Item = u32> {
    let next = move |power: &u32| Some(power * (GENERATOR % prime) % prime).filter(|power| *power != 1);
    std::iter::successors(Some(1), next)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers of 2048 bits, the same in each run (xorshift64), in big-endian order.
    struct Numbers(u64);

    impl Iterator for Numbers {
        type Item = Vec<u8>;

        fn next(&mut self) -> Option<Vec<u8>> {
            let mut word = || {
                self.0 ^= self.0 << 13;
                self.0 ^= self.0 >> 7;
                self.0 ^= self.0 << 17;
                self.0
            };
            Some((0..32).flat_map(|_| word().to_be_bytes()).collect())
        }
    }

    /// As a product of two primes is: no small prime divides it.
    fn is_like_a_modulus(number: &[u8]) -> bool {
        PRIMES.iter().all(|prime| remainder(number, *prime) != 0)
    }

    #[test]
    fn usual_moduli_do_not_have_the_fingerprint() {
        let moduli = Numbers(0x9e37_79b9_7f4a_7c15).filter(|number| is_like_a_modulus(number));
        for modulus in moduli.take(1000) {
            assert!(!has_fingerprint(&modulus), "{}", hex::encode(modulus));
        }
    }

    #[test]
    fn powers_of_the_generator_have_the_fingerprint() {
        for exponent in 0..=7 {
            let power = u128::from(GENERATOR).pow(exponent);
            assert!(has_fingerprint(&power.to_be_bytes()), "{exponent}");
            assert!(!has_fingerprint(&(power + 2).to_be_bytes()), "{exponent}");
        }
    }

    #[test]
    fn one_in_two_to_the_power_of_28_has_it_by_chance() {
        let share = |prime: &u32| (powers(*prime).count() as f64 / f64::from(prime - 1)).log2();
        let all: f64 = PRIMES.iter().map(share).sum();
        assert!((all + 27.83).abs() < 0.01, "{all}");
    }
}
