//! Keyed, stateless randomness: the same key gives the same number, in whatever order draws are made.

use crate::ids::AgentId;

/// What a draw is for; keeps draws of different purposes apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u64)]
pub enum Draw {
    /// The nonce of a request.
    Nonce = 1,
    /// A return code of an authorization.
    ReturnCode = 2,
    /// A choice of the simulated network.
    Network = 3,
    /// A choice of the simulated peer.
    Peer = 4,
}

/// 64 bits that depend on nothing but the four arguments.
#[must_use]
pub const fn draw(seed: u64, agent: AgentId, purpose: Draw, n: u64) -> u64 {
    let key = mix(seed ^ 0x9e37_79b9_7f4a_7c15);
    let key = mix(key ^ (agent.0 as u64 | (purpose as u64) << 32));
    mix(key ^ n)
}

/// The finaliser of SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators").
const fn mix(z: u64) -> u64 {
    let z = z.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_differ_in_every_part_of_the_key() {
        let base = draw(1, AgentId(1), Draw::Nonce, 1);
        assert_eq!(base, draw(1, AgentId(1), Draw::Nonce, 1));
        for other in [
            draw(2, AgentId(1), Draw::Nonce, 1),
            draw(1, AgentId(2), Draw::Nonce, 1),
            draw(1, AgentId(1), Draw::Network, 1),
            draw(1, AgentId(1), Draw::Nonce, 2),
        ] {
            assert_ne!(base, other);
        }
    }
}
