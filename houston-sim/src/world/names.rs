//! Made-up ids, keys and release names: different each time, the same in every run.

use super::{Id, Time};

const ADJECTIVES: [&str; 24] = [
    "barren",
    "boreal",
    "celestial",
    "cosmic",
    "crystalline",
    "distant",
    "elliptical",
    "explosive",
    "galactic",
    "gaseous",
    "geocentric",
    "glacial",
    "interstellar",
    "lunar",
    "magnetic",
    "meteoric",
    "nebular",
    "orbital",
    "planetary",
    "quasaric",
    "solar",
    "stellar",
    "terrestrial",
    "zodiacal",
];

const NOUNS: [&str; 24] = [
    "antenna",
    "apogee",
    "asteroid",
    "aurora",
    "comet",
    "corona",
    "eclipse",
    "equinox",
    "gravity",
    "horizon",
    "instrument",
    "kepler",
    "meteor",
    "molecule",
    "nova",
    "parallax",
    "perigee",
    "photon",
    "pulsar",
    "quasar",
    "radiation",
    "satellite",
    "spectrum",
    "zenith",
];

const BASE36: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";

/// A counter dressed up as randomness.
#[derive(Debug, Default)]
pub(crate) struct Names(u64);

impl Names {
    /// 25 characters: the letter c, the time, a counter, a host and chance, as collision-resistant ids have it.
    pub(crate) fn id(&mut self, at: Time) -> Id {
        let chance = self.next();
        let mut id = String::from("c");
        push_base36(&mut id, at.0.unsigned_abs(), 8);
        push_base36(&mut id, self.0, 4);
        id.push_str("08l7");
        push_base36(&mut id, chance, 8);
        id
    }

    /// 32 hexadecimal digits.
    pub(crate) fn key(&mut self) -> String {
        format!("{:016x}{:016x}", self.next(), self.next())
    }

    pub(crate) fn release(&mut self) -> String {
        let chance = self.next();
        let pick = |list: &[&'static str; 24], shift: u32| list.get((chance >> shift) as usize % list.len()).copied();
        let (adjective, noun) = (pick(&ADJECTIVES, 8).unwrap_or("solar"), pick(&NOUNS, 24).unwrap_or("nova"));
        format!("{adjective}-{noun}-{:04}", (chance >> 40) % 10_000)
    }

    fn next(&mut self) -> u64 {
        self.0 += 1;
        mix(self.0)
    }
}

fn push_base36(text: &mut String, mut number: u64, digits: usize) {
    let mut reversed = Vec::with_capacity(digits);
    for _ in 0..digits {
        reversed.push(BASE36.get((number % 36) as usize).copied().map_or('0', char::from));
        number /= 36;
    }
    text.extend(reversed.into_iter().rev());
}

/// The finaliser of splitmix64.
pub(crate) fn mix(seed: u64) -> u64 {
    let mut z = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
