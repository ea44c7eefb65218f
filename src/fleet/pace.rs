//! How fast lines go out: `--rate 5000/s`, `--rate 5000/s..20000/s over 10m`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// Lines a second that anybody may ask for.
const FASTEST: f64 = 1e9;

/// Lines by wall time: evenly, or from one pace to another and then on at that one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    from: f64,
    to: f64,
    /// Seconds from the one to the other.
    over: f64,
}

impl Rate {
    /// How many lines are due after so long.
    #[must_use]
    pub fn lines_after(&self, time: Duration) -> u64 {
        let t = time.as_secs_f64();
        let ramp = t.min(self.over);
        let climbed =
            if self.over > 0.0 { (self.to - self.from) * ramp * ramp / (2.0 * self.over) } else { 0.0 };
        let lines = self.from * ramp + climbed + self.to * (t - ramp);
        // Half a line more, so that a sum that is whole in decimal does not lose one in binary.
        slpsim_sim::fleet::whole(lines + 1e-6)
    }

    /// When line `n`, from 0, is due.
    #[must_use]
    pub fn time_of(&self, n: u64) -> Duration {
        let n = n as f64;
        let ramped = (self.from + self.to) / 2.0 * self.over;
        let seconds = if n < ramped {
            // from·t + climb·t²/2 = n, written so that it is good for a climb of 0, too.
            let climb = (self.to - self.from) / self.over;
            2.0 * n / (self.from + (self.from * self.from + 2.0 * climb * n).max(0.0).sqrt())
        } else {
            self.over + (n - ramped) / self.to
        };
        Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
    }
}

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Some((from, rest)) = text.split_once("..") else {
            let pace = one(text)?;
            return Ok(Self { from: pace, to: pace, over: 0.0 });
        };
        let (to, over) = rest.split_once(" over ").ok_or_else(|| wrong(text))?;
        let over = slpsim_config::parse_span(over.trim())?;
        if over.is_zero() {
            return Err(wrong(text));
        }
        Ok(Self { from: one(from)?, to: one(to)?, over: over.as_secs_f64() })
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.over > 0.0 {
            let over = slpsim_config::print_span(Duration::from_secs_f64(self.over));
            write!(f, "{}/s..{}/s over {over}", self.from, self.to)
        } else {
            write!(f, "{}/s", self.to)
        }
    }
}

fn one(text: &str) -> Result<f64, String> {
    let (number, unit) = text.trim().split_once('/').ok_or_else(|| wrong(text))?;
    let number: f64 = number.parse().map_err(|_| wrong(text))?;
    let seconds = match unit {
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return Err(wrong(text)),
    };
    let pace = number / seconds;
    if pace.is_finite() && pace > 0.0 && pace <= FASTEST { Ok(pace) } else { Err(wrong(text)) }
}

fn wrong(text: &str) -> String {
    format!(
        "{text:?} is no rate: write lines by time such as 5000/s, or a ramp such as 5000/s..20000/s over 10m"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_gives_as_many_lines_as_it_says_and_each_its_time() {
        for (text, seconds, lines) in [
            ("5000/s", 60, 300_000),
            ("0.1/s", 60, 6),
            ("90/m", 60, 90),
            ("1000/s..3000/s over 10s", 10, 20_000),
            ("1000/s..3000/s over 10s", 20, 50_000),
            ("3000/s..1000/s over 10s", 5, 12_500),
        ] {
            let rate: Rate = text.parse().unwrap();
            assert_eq!(rate.lines_after(Duration::from_secs(seconds)), lines, "{text}");
            for n in [0, 1, lines / 3, lines / 2, lines - 1, lines + 7] {
                let at = rate.time_of(n);
                let due = rate.lines_after(at);
                assert!(due.abs_diff(n) <= 1, "{text}: line {n} at {at:?}, {due} due");
            }
        }
    }

    #[test]
    fn what_is_no_rate_is_refused_with_an_example() {
        for bad in
            ["", "5000", "5000/d", "0/s", "-1/s", "nan/s", "inf/s", "1e12/s", "1/s..2/s", "1/s..2/s over 0s"]
        {
            let error = bad.parse::<Rate>().unwrap_err();
            assert!(error.contains("5000/s"), "{bad}: {error}");
        }
        assert!("1/s..2/s over soon".parse::<Rate>().unwrap_err().contains("span of time"));
        assert_eq!("5/s..10/s over 90s".parse::<Rate>().unwrap().to_string(), "5/s..10/s over 1m30s");
    }
}
