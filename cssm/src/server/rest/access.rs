//! Access tokens that say themselves until when they are good, under a key of the store: so each of several mocks behind
//! one address knows those of the others, and a restart forgets none.

use aws_lc_rs::hmac;
use aws_lc_rs::rand::fill;
use slpsim_policy::Wall;

use super::TOKEN_S;

/// Gives and knows them. Without a key it gives none.
#[derive(Debug, Default)]
pub(in crate::server) struct AccessTokens(Option<hmac::Key>);

/// Digits of the end, in milliseconds, and of what makes each token another one.
const END: usize = 16;
const SALT: usize = 16;

impl AccessTokens {
    pub(in crate::server) fn under(key: &str) -> Self {
        Self(Some(hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes())))
    }

    /// One that is good from now on; none where there are no random numbers.
    pub(super) fn give(&self, now: Wall) -> Option<String> {
        let key = self.0.as_ref()?;
        let mut salt = [0; SALT / 2];
        fill(&mut salt).ok()?;
        let text = format!("{:016x}{}", now.plus_millis(TOKEN_S * 1000).0, hex(&salt));
        let tag = hex(hmac::sign(key, text.as_bytes()).as_ref());
        Some(text + &tag)
    }

    /// Whether it is one of ours and has not ended, by the server's clock.
    pub(super) fn is_good(&self, now: Wall, text: &str) -> bool {
        let (Some(key), Some((said, tag))) = (&self.0, text.split_at_checked(END + SALT)) else {
            return false;
        };
        let end = said.get(..END).and_then(|end| i64::from_str_radix(end, 16).ok());
        let is_ours = unhex(tag).is_some_and(|tag| hmac::verify(key, said.as_bytes(), &tag).is_ok());
        is_ours && end.is_some_and(|end| now < Wall(end))
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let pairs = text.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).ok());
    pairs
        .map(|pair| pair.filter(|pair| pair.len() == 2).and_then(|pair| u8::from_str_radix(pair, 16).ok()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_good_at_every_mock_with_the_key_until_it_ends() {
        let (one, other) = (AccessTokens::under("key"), AccessTokens::under("key"));
        let now = Wall(1_000_000);
        let token = one.give(now).unwrap();
        assert_ne!(Some(&token), one.give(now).as_ref());
        let last = now.plus_millis(TOKEN_S * 1000 - 1);
        assert!(other.is_good(now, &token) && other.is_good(last, &token));
        assert!(!other.is_good(last.plus_millis(1), &token), "it has ended");
        assert!(!AccessTokens::under("other").is_good(now, &token));
        let longer = token.replacen('0', "1", 1);
        for wrong in
            [longer.as_str(), "", "a", "ä".repeat(40).as_str(), &token[1..], &token[..token.len() - 1]]
        {
            assert!(!other.is_good(now, wrong), "{wrong}");
        }
        assert_eq!(AccessTokens::default().give(now), None);
    }
}
