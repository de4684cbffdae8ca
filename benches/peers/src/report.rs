//! Reports of contests: a table in Markdown, lines of JSON, a picture.

use std::fmt::Write;

use crate::contest::Contest;

fn unit(size: usize) -> String {
    match size {
        0 => "-".into(),
        size if size >= 1 << 20 => format!("{} MiB", size >> 20),
        size if size >= 1 << 10 => format!("{} KiB", size >> 10),
        size => format!("{size} B"),
    }
}

/// The contest as a table: median, best and worst run, and how many times as fast as the best peer.
pub fn markdown(contest: &Contest) -> String {
    let mut text = format!(
        "\n### {}, {}\n\n| | median ns | best to worst | speed beside the best peer |\n|---|---|---|---|\n",
        contest.title,
        unit(contest.size)
    );
    let best = contest.best_peer().map_or(f64::NAN, |best| best.median);
    for outcome in &contest.outcomes {
        let name = if outcome.own {
            format!("**{}**", outcome.name)
        } else {
            outcome.name.into()
        };
        let _ = writeln!(
            text,
            "| {name} | {:.1} | {:.1} to {:.1} | {:.2} |",
            outcome.median,
            outcome.best,
            outcome.worst,
            best / outcome.median
        );
    }
    text
}

/// The contest as a line for each contestant.
pub fn json(contest: &Contest) -> String {
    let mut text = String::new();
    for outcome in &contest.outcomes {
        let _ = writeln!(
            text,
            r#"{{"contest":"{}","bytes":{},"name":"{}","own":{},"median_ns":{:.2},"best_ns":{:.2},"worst_ns":{:.2}}}"#,
            contest.title,
            contest.size,
            outcome.name,
            outcome.own,
            outcome.median,
            outcome.best,
            outcome.worst
        );
    }
    text
}

const WIDTH: f64 = 420.0;
const HEIGHT: f64 = 300.0;
const LEFT: f64 = 60.0;
const TOP: f64 = 40.0;
const COLOURS: [&str; 10] = [
    "#d62728", "#1f77b4", "#2ca02c", "#ff7f0e", "#9467bd", "#8c564b", "#e377c2", "#7f7f7f",
    "#bcbd22", "#17becf",
];

/// The contests of each of `titles` side by side: nanoseconds a message by its size, both in
/// powers of ten and two.
pub fn svg(contests: &[Contest], titles: &[&str]) -> String {
    let names: Vec<&str> = {
        let mut names = Vec::new();
        for outcome in contests
            .iter()
            .filter(|it| titles.contains(&it.title))
            .flat_map(|it| &it.outcomes)
        {
            if !names.contains(&outcome.name) {
                names.push(outcome.name);
            }
        }
        names
    };
    let panel = LEFT + WIDTH + 20.0;
    let legend = TOP + HEIGHT + 50.0;
    let rows = names.len().div_ceil(4);
    let (whole, high) = (panel * titles.len() as f64, legend + 20.0 * rows as f64);
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {whole} {high}\" font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    for (at, title) in titles.iter().enumerate() {
        let here: Vec<&Contest> = contests.iter().filter(|it| it.title == *title).collect();
        panel_of(&mut text, panel * at as f64, title, &here, &names);
    }
    for (index, name) in names.iter().enumerate() {
        let x = LEFT + (index % 4) as f64 * 230.0;
        let y = legend + 20.0 * (index / 4) as f64;
        let colour = COLOURS[index % COLOURS.len()];
        let _ = writeln!(
            text,
            "<rect x=\"{x}\" y=\"{}\" width=\"12\" height=\"12\" fill=\"{colour}\"/><text x=\"{}\" y=\"{y}\">{name}</text>",
            y - 10.0,
            x + 18.0
        );
    }
    text.push_str("</svg>\n");
    text
}

fn panel_of(text: &mut String, x0: f64, title: &str, contests: &[&Contest], names: &[&str]) {
    let outcomes = || contests.iter().flat_map(|it| &it.outcomes);
    let lowest = outcomes()
        .map(|it| it.median)
        .fold(f64::MAX, f64::min)
        .log10()
        .floor();
    let highest = outcomes()
        .map(|it| it.median)
        .fold(1.0, f64::max)
        .log10()
        .ceil();
    let sizes = contests.iter().map(|it| it.size as f64);
    let (small, large) = (
        sizes.clone().fold(f64::MAX, f64::min).log2(),
        sizes.fold(1.0, f64::max).log2(),
    );
    let x = |size: usize| {
        x0 + LEFT + ((size as f64).log2() - small) / (large - small).max(1.0) * (WIDTH - 20.0)
    };
    let y =
        |time: f64| TOP + HEIGHT - (time.log10() - lowest) / (highest - lowest).max(1.0) * HEIGHT;
    let _ = writeln!(
        text,
        "<text x=\"{}\" y=\"20\" font-size=\"14\" font-weight=\"bold\">{title}: ns a message</text>",
        x0 + LEFT
    );
    for power in lowest as i32..=highest as i32 {
        let at = y(10f64.powi(power));
        let _ = writeln!(
            text,
            "<line x1=\"{}\" y1=\"{at}\" x2=\"{}\" y2=\"{at}\" stroke=\"#ddd\"/><text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>",
            x0 + LEFT,
            x0 + LEFT + WIDTH,
            x0 + LEFT - 6.0,
            at + 4.0,
            10f64.powi(power)
        );
    }
    for contest in contests {
        let _ = writeln!(
            text,
            "<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
            x(contest.size),
            TOP + HEIGHT + 18.0,
            unit(contest.size)
        );
    }
    for (index, name) in names.iter().enumerate() {
        let points: Vec<(f64, f64)> = contests
            .iter()
            .filter_map(|contest| {
                let found = contest.outcomes.iter().find(|it| it.name == *name)?;
                Some((x(contest.size), y(found.median)))
            })
            .collect();
        let line: Vec<String> = points
            .iter()
            .map(|(x, y)| format!("{x:.1},{y:.1}"))
            .collect();
        let own = outcomes().any(|it| it.name == *name && it.own);
        let colour = COLOURS[index % COLOURS.len()];
        let _ = writeln!(
            text,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"{}\"/>",
            line.join(" "),
            if own { 3 } else { 1 }
        );
        for (x, y) in points {
            let _ = writeln!(
                text,
                "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\" fill=\"{colour}\"/>"
            );
        }
    }
}
