//! Contests: all contestants in turn, so that what disturbs the machine disturbs all alike.

/// A contestant: its name, and one run, which returns nanoseconds per operation.
pub struct Contestant<'a> {
    pub name: &'static str,
    /// True for a contestant of this crate.
    pub own: bool,
    pub run: Box<dyn FnMut() -> f64 + 'a>,
}

/// The result of a contestant.
#[derive(Clone, Debug)]
pub struct Outcome {
    pub name: &'static str,
    pub own: bool,
    pub median: f64,
    pub best: f64,
    pub worst: f64,
}

/// One contest: what was done, and the messages' size in bytes.
#[derive(Clone, Debug)]
pub struct Contest {
    pub title: &'static str,
    pub size: usize,
    pub outcomes: Vec<Outcome>,
}

pub fn peer<'a>(name: &'static str, run: impl FnMut() -> f64 + 'a) -> Contestant<'a> {
    Contestant {
        name,
        own: false,
        run: Box::new(run),
    }
}

pub fn own<'a>(name: &'static str, run: impl FnMut() -> f64 + 'a) -> Contestant<'a> {
    Contestant {
        own: true,
        ..peer(name, run)
    }
}

/// Runs each contestant `rounds` times, in turn, after a round that warms up.
pub fn contest(
    title: &'static str,
    size: usize,
    rounds: usize,
    mut contestants: Vec<Contestant<'_>>,
) -> Contest {
    let mut times = vec![Vec::new(); contestants.len()];
    for round in 0..=rounds {
        for (contestant, times) in contestants.iter_mut().zip(&mut times) {
            let time = (contestant.run)();
            if round > 0 {
                times.push(time);
            }
        }
    }
    let outcomes = contestants
        .iter()
        .zip(&mut times)
        .map(|(contestant, times)| {
            times.sort_by(f64::total_cmp);
            Outcome {
                name: contestant.name,
                own: contestant.own,
                median: times[times.len() / 2],
                best: times[0],
                worst: times[times.len() - 1],
            }
        });
    Contest {
        title,
        size,
        outcomes: outcomes.collect(),
    }
}

impl Contest {
    /// The best of those that are not this crate's.
    pub fn best_peer(&self) -> Option<&Outcome> {
        let peers = self.outcomes.iter().filter(|outcome| !outcome.own);
        peers.min_by(|a, b| a.median.total_cmp(&b.median))
    }
}
