//! The matrix: everything that can be asked, by every kind of caller, at every door, and what each should be answered.
//!
//! [`expected.txt`](expected.txt) says what should hold, and is written by hand; [`world`] makes the callers and what they ask
//! about; `rows_*` say how each operation is asked for. A route without rows or without expectations fails, and so does a
//! scope, role or kind of token without a caller.

mod completeness;
mod door;
mod rows;
mod rows_docr;
mod rows_hub;
mod rows_native;
mod rows_oci;
mod rows_scim;
mod rows_swr;
mod rows_web;
mod table;
mod world;

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use longshore_testkit::stores::SharedStores;

use crate::server::{Environment, Server};
use door::{Door, send};
use rows::{Phase, Row};
use table::{Known, Outcome, Table};
use world::{Actor, ENVIRONMENT, Hands, Vars, World};

/// How long an expired token has to expire.
const EXPIRY: Duration = Duration::from_secs(3);

fn all_rows() -> (Vec<Row>, Vec<String>) {
    let mut rows = Vec::new();
    let mut missing = Vec::new();
    let mut add = |door: Door, operation: &str, of_it: Vec<Row>| {
        if of_it.is_empty() {
            missing.push(format!("{} {operation} has no rows; see `rows_…` of its dialect", door.name()));
        }
        rows.extend(of_it);
    };
    for kind in longshore_api_oci::routes::OperationKind::ALL {
        if *kind != longshore_api_oci::routes::OperationKind::Unknown {
            add(Door::Oci, kind.name(), rows_oci::rows(*kind));
        }
    }
    for route in longshore_api_hub::routes::ROUTES {
        add(Door::Hub, route.operation, rows_hub::rows(route));
    }
    for route in longshore_api_docr::routes::ROUTES {
        add(Door::DigitalOcean, route.operation, rows_docr::rows(route));
    }
    for route in longshore_api_swr::routes::ROUTES {
        add(Door::Swr, route.operation, rows_swr::rows(route));
    }
    for route in longshore_api_scim::routes::ROUTES {
        add(Door::Scim, route.operation, rows_scim::rows(route));
    }
    for route in longshore_api_native::routes::ROUTES {
        add(Door::Native, route.operation, rows_native::rows(route));
    }
    for screen in longshore_web::routes::SCREENS {
        add(Door::Pages, screen.operation, rows_web::rows(screen));
    }
    (rows, missing)
}

/// A cell whose answer is not what is expected.
#[derive(Clone)]
struct Difference {
    door: &'static str,
    operation: String,
    actor: String,
    expected: Outcome,
    got: Result<Outcome, String>,
    request: String,
}

/// Tells of differences, those together in which the same was answered in the place of the same, with the first request.
fn describe(differences: &[Difference]) -> Vec<String> {
    let mut alike: BTreeMap<String, (Vec<&str>, &str)> = BTreeMap::new();
    for Difference { door, operation, actor, expected, got, request } in differences {
        let got = got.as_ref().map_or_else(Clone::clone, Outcome::to_string);
        let what = format!("{door} {operation}: expected {expected}, got {got}");
        alike.entry(what).or_insert((Vec::new(), request)).0.push(actor);
    }
    let mut lines = Vec::new();
    for (what, (actors, request)) in alike {
        lines.push(format!("{what}: {}\n      {request}", actors.join(" ")));
    }
    lines
}

/// Writes names as the table does, sorted and each once: an organization that stands for `acme` is called so, and in lists
/// of one's own, the caller is `self`.
fn as_in_table(names: Vec<String>, actor: &Actor, row: &Row) -> Vec<String> {
    let renamed = |name: &str, from: &str, to: &str| match name.strip_prefix(from) {
        Some("") => Some(to.to_owned()),
        Some(rest) if rest.starts_with(['/', ':']) => Some(format!("{to}{rest}")),
        _ => None,
    };
    let as_in_table = |name: String| {
        let own = row.is_own.then(|| renamed(&name, &actor.account, "self")).flatten();
        own.or_else(|| renamed(&name, actor.home, "acme")).unwrap_or_else(|| name.replace(' ', "_"))
    };
    let names: BTreeSet<String> = names.into_iter().map(as_in_table).collect();
    names.into_iter().collect()
}

struct Asking<'a> {
    world: &'a World,
    table: &'a Table,
    server: &'a Server,
    hands: Hands<'a>,
    answers: Answers,
    /// Of how many actors one asks each row, another one each time; 1 for all.
    one_of: usize,
    rows: usize,
}

/// On stores that nodes share, where a request takes several times as long, one of so many actors asks each row: what differs
/// between the stores are the statements, which `visible` compares on both in random worlds.
const ONE_OF_SHARED: usize = 4;

/// What came of asking.
#[derive(Default)]
struct Answers {
    requests: usize,
    differences: Vec<Difference>,
    /// Rows that could not be asked as everybody.
    broken: Vec<String>,
}

impl<'a> Asking<'a> {
    fn new(world: &'a World, table: &'a Table, server: &'a Server, one_of: usize) -> Self {
        let hands = Hands::new(world, server);
        Self { world, table, server, hands, answers: Answers::default(), one_of, rows: 0 }
    }

    /// Asks an operation as everybody: those first who should be refused, so that what it destroys is there for the others.
    fn row(&mut self, row: &Row) {
        let mut cells: Vec<(&Actor, Outcome)> = Vec::new();
        self.rows += 1;
        for actor in self.world.actors.iter().skip(self.rows % self.one_of).step_by(self.one_of) {
            if let Some(expected) = self.table.expected(row.door.name(), &row.name, &actor.name) {
                cells.push((actor, expected));
            }
        }
        cells.sort_by_key(|(_, expected)| expected.status < 400);
        let mut made: Option<Vars> = None;
        for (actor, expected) in cells {
            let fresh = match row.made {
                Some(make) => made.get_or_insert_with(|| make(&self.hands)).clone(),
                None => Vars::new(),
            };
            // What is made is in `acme`.
            let fresh = if actor.home == "acme" { fresh } else { Vars::new() };
            let (login, secret) = actor.login.clone();
            let own = [("login".to_owned(), login), ("secret".to_owned(), secret)].into();
            let vars = [&own, &fresh, &self.world.homes[actor.home]];
            let request = row.request(&vars, self.hands.number());
            let line =
                format!("{} {} {}", request.method, request.path, String::from_utf8_lossy(&request.body));
            self.answers.requests += 1;
            let answer = catch_unwind(AssertUnwindSafe(|| send(self.server, &request, &actor.at[&row.door])));
            let (mut is_taken, mut got) = (false, Err("an answer that is not as documented".to_owned()));
            if let Ok(answer) = answer {
                got = answer.map(|answer| {
                    is_taken = answer.status < 400;
                    let names = is_taken.then(|| row.names_in(&answer)).flatten();
                    Outcome {
                        status: answer.status,
                        names: names.map(|names| as_in_table(names, actor, row)),
                    }
                });
            }
            if got.as_ref() != Ok(&expected) {
                let (door, operation) = (row.door.name(), row.name.clone());
                self.answers.differences.push(Difference {
                    door,
                    operation,
                    actor: actor.name.clone(),
                    expected,
                    got,
                    request: line,
                });
            }
            if is_taken {
                made = None;
                if let Some(restore) = row.after {
                    restore(&self.hands);
                }
            }
        }
        // What nobody took is taken away, so that it is not there for other operations.
        if made.is_some()
            && let Some(restore) = row.after
        {
            restore(&self.hands);
        }
    }

    fn rows<'r>(mut self, rows: impl Iterator<Item = &'r Row> + Clone) -> Answers {
        for phase in Phase::ALL {
            for row in rows.clone().filter(|row| row.phase == *phase) {
                // What is made by requests that should be taken is not there when they are refused.
                if catch_unwind(AssertUnwindSafe(|| self.row(row))).is_err() {
                    let (door, name) = (row.door.name(), &row.name);
                    self.answers
                        .broken
                        .push(format!("{door} {name}: what it needs could not be made; see above"));
                }
            }
        }
        self.answers
    }
}

/// Starts a server on data of its own, in the database and folder that are embedded.
fn embedded(folder: &std::path::Path, name: &str) -> Server {
    let environment: Environment =
        ENVIRONMENT.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    Server::node_at(folder, name, environment)
}

/// Asks everything: on stores that nodes share at one server, and else at a server for each door, which begins with a copy of
/// the same data, so that they are asked at once and what one door changes disturbs no other.
fn ask_all(rows: &[Row]) -> Asked {
    if SharedStores::chosen().is_some() {
        let arguments: Vec<String> = ENVIRONMENT.iter().map(|(name, value)| argument(name, value)).collect();
        let arguments: Vec<&str> = arguments.iter().flat_map(|pair| ["--set", pair.as_str()]).collect();
        let server = Server::bare(&arguments);
        let world = World::new(&server);
        let table = read(&world, rows);
        std::thread::sleep(EXPIRY);
        let answers = Asking::new(&world, &table, &server, ONE_OF_SHARED).rows(rows.iter());
        return Asked { table, actors: world.actors.len(), answers };
    }
    let folder = tempfile::tempdir().unwrap();
    let mut server = embedded(folder.path(), "made");
    let world = World::new(&server);
    let made_at = Instant::now();
    assert!(server.stop().success());
    let table = read(&world, rows);
    let copy = |door: &Door| {
        let (from, to) = (folder.path().join("made"), folder.path().join(door.name()));
        assert!(std::process::Command::new("cp").arg("-r").args([from, to]).status().unwrap().success());
        embedded(folder.path(), door.name())
    };
    let servers: Vec<(Door, Server)> = Door::ALL.iter().map(|door| (*door, copy(door))).collect();
    std::thread::sleep(EXPIRY.saturating_sub(made_at.elapsed()));
    let mut answers = Answers::default();
    let of_doors: Vec<Answers> = std::thread::scope(|scope| {
        let ask = |(door, server): &(Door, Server)| {
            Asking::new(&world, &table, server, 1).rows(rows.iter().filter(|row| row.door == *door))
        };
        let threads: Vec<_> = servers.iter().map(|server| scope.spawn(move || ask(server))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    for of_door in of_doors {
        answers.requests += of_door.requests;
        answers.differences.extend(of_door.differences);
        answers.broken.extend(of_door.broken);
    }
    Asked { table, actors: world.actors.len(), answers }
}

/// What came of asking everything.
struct Asked {
    table: Table,
    actors: usize,
    answers: Answers,
}

/// Reads the table, which must be whole before anything is asked.
fn read(world: &World, rows: &[Row]) -> Table {
    let actors = world.actors.iter().map(|actor| actor.name.clone()).collect();
    let table = Table::read(include_str!("expected.txt"), &actors);
    let mut wrong = table.errors.clone();
    wrong.extend(completeness::missing_actors(world));
    for door in Door::ALL {
        let asked: BTreeSet<&str> =
            rows.iter().filter(|row| row.door == *door).map(|row| row.name.as_str()).collect();
        let expected = table.operations(door.name());
        let lacks = |name: &&str| format!("expected.txt has no line for {} {name}", door.name());
        wrong.extend(asked.difference(&expected).map(lacks));
        let unasked = |name: &&str| format!("expected.txt has {} {name}, which nobody asks for", door.name());
        wrong.extend(expected.difference(&asked).map(unasked));
    }
    wrong.extend(completeness::contradictions(&table, rows, world));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    table
}

/// Writes a variable of the environment as an argument of `--set`.
fn argument(name: &str, value: &str) -> String {
    let name = name.strip_prefix("LONGSHORE_").unwrap().to_lowercase();
    let (section, key) = name.split_once('_').unwrap();
    format!("{section}.{key}={value}")
}

/// Takes the differences that are known away from those that were found, and tells what is left of either.
fn beside_known(table: &Table, differences: Vec<Difference>) -> (Vec<Difference>, Vec<String>) {
    let mut used: BTreeMap<usize, BTreeSet<(String, String)>> = BTreeMap::new();
    let mut unknown = Vec::new();
    for difference in differences {
        let mut is_known = false;
        for (number, known) in &table.known {
            let (operation, actor) = (&difference.operation, &difference.actor);
            let is_this = match known {
                Known::Cells { door, operations, actors, got } => {
                    door == difference.door
                        && operations.contains(operation)
                        && actors.contains(actor)
                        && difference.got.as_ref() == Ok(got)
                }
                Known::As { actor: as_known, like } => {
                    as_known == actor
                        && difference.got.as_ref().ok()
                            == table.expected(difference.door, operation, like).as_ref()
                }
            };
            if is_this {
                used.entry(*number).or_default().insert((operation.clone(), actor.clone()));
                is_known = true;
            }
        }
        if !is_known {
            unknown.push(difference);
        }
    }
    let mut mended = Vec::new();
    for (number, known) in &table.known {
        let used = used.get(number).cloned().unwrap_or_default();
        match known {
            Known::As { actor, like } if used.is_empty() => {
                mended.push(format!("expected.txt:{number}: {actor} is not answered as {like} any more"));
            }
            Known::As { .. } => {}
            Known::Cells { operations, actors, .. } => {
                let all = operations
                    .iter()
                    .flat_map(|operation| actors.iter().map(move |actor| (operation.clone(), actor.clone())));
                for (operation, actor) in all.filter(|cell| !used.contains(cell)) {
                    mended.push(format!(
                        "expected.txt:{number}: {operation} as {actor} does not differ so any more"
                    ));
                }
            }
        }
    }
    (unknown, mended)
}

#[test]
fn everybody_gets_at_every_door_what_the_table_says() {
    let (rows, missing) = all_rows();
    assert!(missing.is_empty(), "{}", missing.join("\n"));
    let Asked { table, actors, answers: Answers { requests, differences, broken } } = ask_all(&rows);
    let (unknown, mut wrong) = beside_known(&table, differences);
    wrong.extend(broken);
    wrong.extend(describe(&unknown));
    assert!(
        wrong.is_empty(),
        "{} of {requests} requests of {actors} actors in {} rows:\n{}",
        unknown.len(),
        rows.len(),
        wrong.join("\n")
    );
}

#[test]
fn known_differences_are_exactly_those_that_are_found() {
    let actors = ["editor", "owner", "guest"].map(str::to_owned).into();
    let text = "door hub\nop look\n  200 owner editor\n  404 else\n\
                acts guest as editor\ndiffers hub look: editor -> 403\n";
    let table = Table::read(text, &actors);
    assert_eq!(table.errors, [] as [String; 0]);
    let found = |actor: &str, status| Difference {
        door: "hub",
        operation: "look".into(),
        actor: actor.into(),
        expected: table.expected("hub", "look", actor).unwrap(),
        got: Ok(Outcome { status, names: None }),
        request: String::new(),
    };
    let hold = |found: Vec<Difference>| {
        let (unknown, mended) = beside_known(&table, found);
        (unknown.into_iter().map(|difference| difference.actor).collect::<Vec<_>>(), mended.len())
    };
    assert_eq!(hold(vec![found("editor", 403), found("guest", 200)]), (vec![], 0));
    assert_eq!(hold(vec![found("editor", 403)]), (vec![], 1), "the guest is no editor any more");
    assert_eq!(hold(vec![found("guest", 200)]), (vec![], 1), "the editor may look again");
    let others = vec![found("editor", 404), found("guest", 403), found("owner", 403)];
    assert_eq!(hold(others), (vec!["editor".into(), "guest".into(), "owner".into()], 2));
}

#[test]
fn a_table_that_allows_by_default_is_refused() {
    let actors = ["editor", "owner"].map(str::to_owned).into();
    for wrong in [
        "door hub\nop look\n  200 else\n",
        "door hub\ndefault 200 owner\n",
        "door hub\nop look\n  200 owner\n",
        "door hub\nop look\n  200 owner\n  403 owner\n  404 else\n",
        "door hub\nop look\n  200 somebody\n  404 else\n",
        "door hub\nop look\n  404 else\nop look\n  404 else\n",
        "set none = owner -owner\n",
    ] {
        assert!(!Table::read(wrong, &actors).errors.is_empty(), "{wrong}");
    }
}
