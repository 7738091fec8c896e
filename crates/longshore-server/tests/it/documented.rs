//! Every command that README, ARCHITECTURE, CONTRIBUTING and `docs` name, as they write it: it exists, and takes what they give it.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::server::binary;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// Adds the pages of a folder and those below it.
fn pages(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => pages(&path, found),
            false if path.extension().is_some_and(|end| end == "md") => found.push(path),
            false => {}
        }
    }
}

/// Splits a line as a shell does, as far as documents need that.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for letter in line.chars() {
        match (letter, quote) {
            ('\'' | '"', None) => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            (letter, Some(open)) if letter == open => quote = None,
            (' ', None) => words.extend(word.take()),
            (letter, _) => word.get_or_insert_default().push(letter),
        }
    }
    words.extend(word);
    words
}

/// The commands of a page: lines of code blocks, and what stands in a sentence between backticks.
fn commands(text: &str) -> Vec<String> {
    let (mut found, mut is_code) = (Vec::new(), false);
    for line in text.lines() {
        if line.starts_with("```") {
            is_code = !is_code;
        } else if is_code {
            found.extend(
                line.split_once("longshore ")
                    .filter(|(before, _)| is_before_command(before))
                    .map(|it| it.1.to_owned()),
            );
        } else {
            let spans = line.split('`').skip(1).step_by(2);
            found.extend(spans.filter_map(|span| span.strip_prefix("longshore ")).map(str::to_owned));
        }
    }
    found
}

/// What may stand in a line before a command: nothing, variables, another command that feeds it.
fn is_before_command(before: &str) -> bool {
    let last = before.rsplit(['|', ';']).next().unwrap_or_default();
    last.split_whitespace().all(|word| word.contains('=') || word == "$")
}

/// The words of a command as one that could be typed: the first of alternatives, and nothing of what a shell does with it.
fn typed(command: &str) -> Vec<String> {
    let words = words(command).into_iter().take_while(|word| {
        !matches!(word.as_str(), "|" | "&&" | ">" | "<" | "#" | "\\" | "&" | ";") && !word.starts_with('#')
    });
    let plain = words.filter(|word| !word.starts_with('['));
    let example = |word: String| match word.split('|').next().unwrap_or_default().trim_end_matches([';', ','])
    {
        // Some ids are numbers.
        "…" | "ID" => "1".to_owned(),
        word => word.to_owned(),
    };
    let mut words: Vec<String> = plain.map(example).collect();
    // Of options alone, whatever follows.
    if words.iter().step_by(2).all(|word| word.starts_with("--") || word == "1") {
        words.retain(|word| word != "1");
    }
    words
}

#[test]
fn every_command_of_the_documents_is_one() {
    let root = root();
    let mut found: Vec<PathBuf> = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md"]
        .iter()
        .map(|name| root.join(name))
        .collect();
    pages(&root.join("docs"), &mut found);
    let (mut tried, mut wrong) = (0, Vec::new());
    for page in found {
        let text = std::fs::read_to_string(&page).unwrap();
        for command in commands(&text) {
            let words = typed(&command);
            // `longshore` is also what is spoken of, and the label of a token begins so.
            if words.is_empty()
                || words[0] == "on"
                || !words[0].starts_with(|letter: char| letter.is_ascii_lowercase() || letter == '-')
            {
                continue;
            }
            let output = Command::new(binary()).args(&words).arg("--help").env_clear().output().unwrap();
            tried += 1;
            if !output.status.success() {
                let said = String::from_utf8_lossy(&output.stderr);
                let page = page.strip_prefix(&root).unwrap().display();
                wrong.push(format!(
                    "{page}: longshore {command}\n    {}",
                    said.lines().next().unwrap_or_default()
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(tried > 150, "{tried}");
}
