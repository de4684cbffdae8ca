//! What the code of a file says, without its comments and literals: enough of Rust's lexis for
//! the tests that hold the source to rules.

/// The module that a file is, from the crate's root: empty for none but lib.rs.
pub(crate) fn own_module(path: &str) -> Vec<String> {
    let path = path.strip_prefix("src/").unwrap_or(path);
    let path = path.strip_suffix(".rs").unwrap_or(path);
    let path = path.strip_suffix("/mod").unwrap_or(path);
    path.split('/').map(str::to_owned).collect()
}

/// A path that the code says.
pub(crate) struct Said<'a> {
    pub line: usize,
    /// `use a::{b, c}` is two: `a::b` and `a::c`.
    pub parts: Vec<&'a str>,
    /// The inline modules (`mod name { … }`) around it.
    pub inside: Vec<&'a str>,
    /// Said by `extern crate`.
    pub linked: bool,
}

impl Said<'_> {
    pub(crate) fn starts_with(&self, start: &str) -> bool {
        let start: Vec<&str> = start.split("::").collect();
        self.parts.starts_with(&start) && (start.len() > 1 || self.parts.len() > 1 || self.linked)
    }
}

/// Every path in the code, single identifiers among them.
pub(crate) fn paths<'a>(tokens: &[(usize, &'a str)]) -> Vec<Said<'a>> {
    let mut said = Vec::new();
    let mut braces = 0_usize;
    let mut inside: Vec<(usize, &str)> = Vec::new();
    let word = |at: usize| tokens.get(at).map_or("", |&(_, word)| word);
    let mut at = 0;
    while at < tokens.len() {
        if is_unit_tests(tokens, at) {
            at = after_braces(tokens, at);
            continue;
        }
        match word(at) {
            "{" => {
                braces += 1;
                if at >= 2 && word(at - 2) == "mod" {
                    inside.push((braces, word(at - 1)));
                }
            }
            "}" => {
                if inside.last().is_some_and(|&(depth, _)| depth == braces) {
                    inside.pop();
                }
                braces = braces.saturating_sub(1);
            }
            first if is_identifier(first) => {
                let linked = at >= 2 && word(at - 1) == "crate" && word(at - 2) == "extern";
                let mut flat = Vec::new();
                let line = tokens[at].0;
                at = read_path(tokens, at, Vec::new(), &mut flat);
                said.extend(flat.into_iter().map(|parts| Said {
                    line,
                    parts,
                    inside: inside.iter().map(|&(_, name)| name).collect(),
                    linked,
                }));
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    said
}

/// Whether `#[cfg(test)] mod NAME {` begins here: unit tests may use anything.
fn is_unit_tests(tokens: &[(usize, &str)], at: usize) -> bool {
    const START: [&str; 8] = ["#", "[", "cfg", "(", "test", ")", "]", "mod"];
    let rest = tokens.get(at..).unwrap_or_default();
    rest.len() > START.len() + 1
        && rest
            .iter()
            .map(|&(_, word)| word)
            .take(START.len())
            .eq(START)
        && rest[START.len() + 1].1 == "{"
}

/// Where the next braces after `at` have been closed.
fn after_braces(tokens: &[(usize, &str)], mut at: usize) -> usize {
    let mut depth = 0_usize;
    while let Some(&(_, word)) = tokens.get(at) {
        at += 1;
        match word {
            "{" => depth += 1,
            "}" if depth <= 1 => break,
            "}" => depth -= 1,
            _ => {}
        }
    }
    at
}

/// Reads the path that begins at `at`; returns where it ends.
fn read_path<'a>(
    tokens: &[(usize, &'a str)],
    mut at: usize,
    mut parts: Vec<&'a str>,
    flat: &mut Vec<Vec<&'a str>>,
) -> usize {
    let word = |at: usize| tokens.get(at).map_or("", |&(_, word)| word);
    while is_identifier(word(at)) {
        parts.push(word(at));
        at += 1;
        if word(at) != "::" {
            break;
        }
        at += 1;
        if word(at) == "*" {
            parts.push("*");
            at += 1;
        }
    }
    if word(at) != "{" || at == 0 || word(at - 1) != "::" {
        flat.push(parts);
        return at;
    }
    at += 1;
    while !matches!(word(at), "}" | "") {
        if word(at) == "as" {
            at += 2;
        } else if is_identifier(word(at)) {
            at = read_path(tokens, at, parts.clone(), flat);
        } else {
            if word(at) == "*" {
                flat.push(parts.iter().copied().chain(["*"]).collect());
            }
            at += 1;
        }
    }
    at + 1
}

fn is_identifier(token: &str) -> bool {
    token.starts_with(|c: char| c == '_' || c.is_alphabetic())
}

/// The code's identifiers and punctuation with their lines: no comments, no
/// literals. Enough of Rust's lexis to tell these apart.
pub(crate) fn tokens(text: &str) -> Vec<(usize, &str)> {
    lexed(text).0
}

/// The code's strings with their lines, but for those of unit tests.
pub(crate) fn strings<'a>(text: &'a str, tokens: &[(usize, &str)]) -> Vec<(usize, &'a str)> {
    let tests: Vec<_> = (0..tokens.len())
        .filter(|&at| is_unit_tests(tokens, at))
        .map(|at| tokens[at].0..=tokens[after_braces(tokens, at) - 1].0)
        .collect();
    let mut strings = lexed(text).1;
    strings.retain(|(line, _)| !tests.iter().any(|lines| lines.contains(line)));
    strings
}

/// A line, and what stands there.
type Placed<'a> = (usize, &'a str);

/// What [`tokens`] and [`strings`] say.
fn lexed(text: &str) -> (Vec<Placed<'_>>, Vec<Placed<'_>>) {
    let mut strings = Vec::new();
    let mut tokens = Vec::new();
    let mut line = 1;
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let identifier = rest
            .find(|c: char| c != '_' && !c.is_alphanumeric())
            .unwrap_or(rest.len());
        let len = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            block_comment(rest)
        } else if let Some(len) = string(rest) {
            strings.push((line, &rest[..len]));
            len
        } else if c == '\'' {
            character(rest)
        } else if rest.starts_with("::") {
            tokens.push((line, "::"));
            2
        } else if rest.starts_with("r#") {
            2
        } else if identifier > 0 {
            tokens.push((line, &rest[..identifier]));
            identifier
        } else {
            if !c.is_whitespace() {
                tokens.push((line, &rest[..c.len_utf8()]));
            }
            c.len_utf8()
        };
        line += rest[..len].matches('\n').count();
        rest = &rest[len..];
    }
    (tokens, strings)
}

/// The length of a block comment, which may hold others.
fn block_comment(text: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while at < text.len() {
        if text[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if text[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                break;
            }
        } else {
            at += text[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    at
}

/// The length of the string literal of any kind that stands here.
fn string(text: &str) -> Option<usize> {
    let prefix = text.find(|c: char| !c.is_ascii_lowercase())?;
    if !matches!(&text[..prefix], "" | "b" | "c" | "r" | "br" | "cr") {
        return None;
    }
    let body = &text[prefix..];
    if text[..prefix].ends_with('r') {
        let hashes = body.find(|c| c != '#')?;
        let inner = body[hashes..].strip_prefix('"')?;
        let end = format!("\"{}", &body[..hashes]);
        let len = inner.find(&end)? + end.len();
        return Some(prefix + hashes + 1 + len);
    }
    let inner = body.strip_prefix('"')?;
    let mut escaped = false;
    let end = inner.find(|c| {
        let ends = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        ends
    })?;
    Some(prefix + 1 + end + 1)
}

/// The length of the character literal that stands here, or 1 for a lifetime's
/// apostrophe.
fn character(text: &str) -> usize {
    let mut inner = text.char_indices().skip(1);
    match (inner.next(), inner.next()) {
        (Some((_, '\\')), Some((escaped, c))) => {
            let after = escaped + c.len_utf8();
            text[after..].find('\'').map_or(1, |end| after + end + 1)
        }
        (Some(_), Some((end, '\''))) => end + 1,
        _ => 1,
    }
}
