//! Reads `expected.txt`, whose beginning explains how it is written.

use std::collections::{BTreeMap, BTreeSet};

/// What somebody should be answered, or was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    pub status: u16,
    /// What is listed, where that is compared.
    pub names: Option<Vec<String>>,
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.status)?;
        match &self.names {
            Some(names) => write!(f, " [{}]", names.join(" ")),
            None => Ok(()),
        }
    }
}

/// What is expected of one operation.
#[derive(Default)]
struct Expected {
    named: BTreeMap<String, Outcome>,
    /// What its door gives those whom it does not name, unless everybody gets the same.
    by_default: BTreeMap<String, Outcome>,
    others: Option<Outcome>,
}

/// A difference that is known, with why it is one.
#[derive(Clone, Debug)]
pub enum Known {
    /// These actors get this.
    Cells { door: String, operations: Vec<String>, actors: BTreeSet<String>, got: Outcome },
    /// An actor is answered as another one should be.
    As { actor: String, like: String },
}

/// All that is expected.
pub struct Table {
    sets: BTreeMap<String, BTreeSet<String>>,
    defaults: BTreeMap<String, Outcome>,
    operations: BTreeMap<(String, String), Expected>,
    pub known: Vec<(usize, Known)>,
    pub errors: Vec<String>,
}

/// Splits a line such as `200 [a b] @some one` into its outcome and the words after it.
fn outcome(text: &str) -> Result<(Outcome, &str), String> {
    let (status, rest) = text.split_once(' ').ok_or("a line needs a status and who gets it")?;
    let status = status.parse().map_err(|_| format!("{status:?} is no status"))?;
    let rest = rest.trim();
    let Some(listed) = rest.strip_prefix('[') else { return Ok((Outcome { status, names: None }, rest)) };
    let (names, rest) = listed.split_once(']').ok_or("the list of names has no end")?;
    let mut names: Vec<String> = names.split_whitespace().map(str::to_owned).collect();
    names.sort();
    Ok((Outcome { status, names: Some(names) }, rest.trim()))
}

impl Table {
    pub fn read(text: &str, actors: &BTreeSet<String>) -> Self {
        let mut table = Self {
            sets: BTreeMap::new(),
            defaults: BTreeMap::new(),
            operations: BTreeMap::new(),
            known: Vec::new(),
            errors: Vec::new(),
        };
        let (mut door, mut current) = (String::new(), Vec::new());
        for (number, line) in text.lines().enumerate() {
            let line = line.split('#').next().unwrap_or_default().trim_end();
            if line.trim().is_empty() {
                continue;
            }
            let read = table.line(line, number + 1, actors, &mut door, &mut current);
            if let Err(error) = read {
                table.errors.push(format!("expected.txt:{}: {error}", number + 1));
            }
        }
        for ((door, operation), expected) in &table.operations {
            if expected.others.is_none() {
                table.errors.push(format!("{door} {operation} does not say what everybody else gets"));
            }
        }
        table
    }

    fn line(
        &mut self,
        line: &str,
        number: usize,
        actors: &BTreeSet<String>,
        door: &mut String,
        current: &mut Vec<String>,
    ) -> Result<(), String> {
        if line.starts_with(' ') {
            return self.cells(line.trim(), actors, door, current);
        }
        let (word, rest) = line.split_once(' ').ok_or("what is this line?")?;
        match word {
            "set" => {
                let (name, members) = rest.split_once('=').ok_or("a set needs members")?;
                let members = self.who(members, actors)?;
                match self.sets.insert(name.trim().to_owned(), members) {
                    None => Ok(()),
                    Some(_) => Err(format!("the set {name} is there already")),
                }
            }
            "door" => {
                (*door, *current) = (rest.trim().to_owned(), Vec::new());
                self.defaults.clear();
                Ok(())
            }
            "default" => {
                let (outcome, who) = outcome(rest)?;
                if outcome.status < 400 {
                    return Err("nothing is allowed by default".into());
                }
                for actor in self.who(who, actors)? {
                    self.defaults.insert(actor, outcome.clone());
                }
                Ok(())
            }
            "op" => {
                *current = rest.split_whitespace().map(str::to_owned).collect();
                for operation in current.iter() {
                    let key = (door.clone(), operation.clone());
                    let expected = Expected { by_default: self.defaults.clone(), ..Expected::default() };
                    if self.operations.insert(key, expected).is_some() {
                        return Err(format!("{operation} is there already"));
                    }
                }
                Ok(())
            }
            "differs" => {
                let (before, got) = rest.split_once("->").ok_or("what does it get?")?;
                let (operations, who) = before.split_once(':').ok_or("who gets that?")?;
                let mut operations = operations.split_whitespace().map(str::to_owned);
                let door = operations.next().ok_or("at which door?")?;
                let (got, _) = outcome(&format!("{} .", got.trim()))?;
                let actors = self.who(who, actors)?;
                self.known
                    .push((number, Known::Cells { door, operations: operations.collect(), actors, got }));
                Ok(())
            }
            "acts" => {
                let (actor, like) = rest.split_once(" as ").ok_or("as whom?")?;
                let (actor, like) = (actor.trim().to_owned(), like.trim().to_owned());
                self.known.push((number, Known::As { actor, like }));
                Ok(())
            }
            _ => Err(format!("{word:?} begins no line")),
        }
    }

    fn cells(
        &mut self,
        line: &str,
        actors: &BTreeSet<String>,
        door: &str,
        current: &[String],
    ) -> Result<(), String> {
        let (outcome, who) = outcome(line)?;
        let is_everybody = who == "everybody";
        let is_for_others = is_everybody || who == "else";
        if who == "else" && outcome.status < 400 {
            return Err("who is not named is refused; what all may do is for `everybody`".into());
        }
        let who = if is_for_others { BTreeSet::new() } else { self.who(who, actors)? };
        for operation in current {
            let key = (door.to_owned(), operation.clone());
            let expected = self.operations.get_mut(&key).ok_or("there is no operation here")?;
            if is_for_others && expected.others.replace(outcome.clone()).is_some() {
                return Err("everybody else is there already".into());
            }
            if is_everybody {
                expected.by_default.clear();
            }
            for actor in &who {
                if expected.named.insert(actor.clone(), outcome.clone()).is_some() {
                    return Err(format!("{actor} is there already"));
                }
            }
        }
        Ok(())
    }

    /// Reads names of actors and of sets (`@set`); `-` takes away.
    fn who(&self, text: &str, actors: &BTreeSet<String>) -> Result<BTreeSet<String>, String> {
        let mut found = BTreeSet::new();
        for word in text.split_whitespace() {
            let (is_taken, word) = word.strip_prefix('-').map_or((false, word), |word| (true, word));
            let meant = match word.strip_prefix('@') {
                Some(set) => self.sets.get(set).cloned().ok_or(format!("there is no set {set}"))?,
                None if actors.contains(word) => [word.to_owned()].into(),
                None => return Err(format!("there is no actor {word}")),
            };
            for actor in meant {
                match is_taken {
                    true if !found.remove(&actor) => {
                        return Err(format!("{actor} is not there to be taken away"));
                    }
                    true => {}
                    false => drop(found.insert(actor)),
                }
            }
        }
        match found.is_empty() {
            true => Err("nobody is named".into()),
            false => Ok(found),
        }
    }

    /// Returns the operations of a door.
    pub fn operations(&self, door: &str) -> BTreeSet<&str> {
        let of_door = self.operations.keys().filter(|(of, _)| of == door);
        of_door.map(|(_, operation)| operation.as_str()).collect()
    }

    /// Returns what somebody should be answered: what the operation says of them, then what their door does, then what it says
    /// of everybody else. The lines of a door do not count where everybody is allowed.
    pub fn expected(&self, door: &str, operation: &str, actor: &str) -> Option<Outcome> {
        let expected = self.operations.get(&(door.to_owned(), operation.to_owned()))?;
        let named = expected.named.get(actor).or_else(|| expected.by_default.get(actor));
        named.or(expected.others.as_ref()).cloned()
    }
}
