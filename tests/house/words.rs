//! What the first words of the documentation of public functions are: a verb that says what
//! the function does, or how it differs from the function that it is a form of.

use crate::support::source;

/// Words that end as verbs of the third person do, and are none.
const NO_VERBS: &[&str] = &["As", "Its", "Whose", "This", "Always", "Bytes", "Addresses"];

/// The name and the first sentence of each public function that has documentation.
fn first_sentences(text: &str) -> Vec<(&str, String)> {
    let mut found = Vec::new();
    let mut sentence = Vec::new();
    let mut is_over = false;
    for line in text.lines().map(str::trim) {
        if let Some(words) = line.strip_prefix("///") {
            let words = words.trim();
            is_over |= words.is_empty();
            if !is_over {
                sentence.push(words);
                is_over = words.ends_with('.');
            }
        } else if !line.starts_with('#') && !line.ends_with(")]") {
            if let Some(name) = public_function(line).filter(|_| !sentence.is_empty()) {
                found.push((name, sentence.join(" ")));
            }
            sentence.clear();
            is_over = false;
        }
    }
    found
}

/// The name of the public function that is declared on this line.
fn public_function(line: &str) -> Option<&str> {
    let mut rest = line.strip_prefix("pub ")?;
    for qualifier in ["const ", "unsafe "] {
        rest = rest.strip_prefix(qualifier).unwrap_or(rest);
    }
    let rest = rest.strip_prefix("fn ")?;
    rest.split(|c: char| c != '_' && !c.is_alphanumeric())
        .next()
}

/// Why the first sentence of the function `name` is none that a stranger can skim.
fn complaint(name: &str, sentence: &str) -> Option<&'static str> {
    let first = sentence.split([' ', ',', '.', ':', ';']).next()?;
    if first != "Like" {
        let is_verb = first.ends_with('s') && !NO_VERBS.contains(&first);
        return (!is_verb).then_some("does not begin with what it does");
    }
    // A FIFO for reading can be opened at once, and is.
    let differs = if name.starts_with("try_open_reader") {
        true
    } else if name.starts_with("try_") {
        sentence.contains("instead of blocking")
    } else if name.ends_with("_until") {
        sentence.contains("gives up at `deadline`")
    } else {
        true
    };
    (!differs).then_some("does not differ in the words that all such functions have")
}

#[test]
fn first_sentences_of_public_functions_say_what_they_do() {
    let mut wrong = Vec::new();
    let mut held = 0;
    for (file, text) in source::files() {
        for (name, sentence) in first_sentences(&text) {
            held += 1;
            if let Some(why) = complaint(name, &sentence) {
                wrong.push(format!("{file}: {name} {why}: {sentence}"));
            }
        }
    }
    assert!(held > 900, "only {held} functions were found");
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn first_sentence_that_does_not_say_what_a_function_does_is_found() {
    for (name, sentence) in [
        ("send", "Whether there is room."),
        ("send", "As [`write`], until the deadline."),
        ("size", "How many bytes long it is: `fstat(2)`."),
        ("peer", "What the other end is now."),
        ("try_send", "Like [`send`], if there is room."),
        ("send_until", "Like [`send`], until the deadline."),
    ] {
        assert!(complaint(name, sentence).is_some(), "{name}: {sentence}");
    }
    let text = "    /// Returns\n    /// it. More.\n    ///\n    /// # Errors\n    #[must_use]\n    pub const fn get(&self) {}\n";
    assert_eq!(
        first_sentences(text),
        [("get", "Returns it. More.".to_owned())]
    );
}
