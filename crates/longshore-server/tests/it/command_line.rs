//! All commands, one after the other: an example of each, and what they say of values that cannot be.

use std::process::{Command, Output, Stdio};

use crate::server::{Server, binary};

/// Each command with arguments that it takes. Those that change something name what is not there.
pub const EXAMPLES: &[(&str, &[&str])] = &[
    ("login", &["http://127.0.0.1:1", "--username", "alice", "--token-stdin"]),
    ("logout", &["nowhere"]),
    ("whoami", &[]),
    ("context ls", &[]),
    ("context use", &["nowhere"]),
    ("context rm", &["nowhere"]),
    ("user ls", &[]),
    ("user show", &["alice"]),
    ("user create", &["walker"]),
    ("user set", &["nobody", "--full-name", "x"]),
    ("user enable", &["alice"]),
    ("user disable", &["nobody"]),
    ("user password", &["nobody"]),
    ("user reset-second-factor", &["nobody"]),
    ("user rm", &["nobody"]),
    ("account show", &[]),
    ("account set", &["--full-name", "x"]),
    ("account password", &["--password-stdin"]),
    ("account email", &["a@example.com", "--password-stdin"]),
    ("account confirm-email", &["lse_0"]),
    ("account sessions", &[]),
    ("account end-session", &["00000000-0000-4000-8000-000000000000"]),
    ("account sign-out", &[]),
    ("account rm", &["nobody"]),
    ("member ls", &["acme"]),
    ("member set", &["acme", "nobody", "--role", "member"]),
    ("member rm", &["acme", "nobody"]),
    ("team ls", &["acme"]),
    ("team show", &["acme", "none"]),
    ("team create", &["nowhere", "release"]),
    ("team set", &["acme", "none", "--description", "x"]),
    ("team add", &["acme", "none", "alice"]),
    ("team remove", &["acme", "none", "alice"]),
    ("team rm", &["acme", "none"]),
    ("invite ls", &["acme"]),
    ("invite create", &["acme", "nobody@example.org", "--dry-run"]),
    ("invite resend", &["00000000-0000-4000-8000-000000000000"]),
    ("invite cancel", &["00000000-0000-4000-8000-000000000000"]),
    ("access ls", &["acme/none"]),
    ("access grant", &["acme/none", "read", "--user", "alice"]),
    ("access revoke", &["acme/none", "--team", "none"]),
    ("access share", &["acme/none", "alice"]),
    ("access unshare", &["acme/none", "alice"]),
    ("access explain", &["acme/none", "alice"]),
    ("org ls", &[]),
    ("org show", &["acme"]),
    ("org create", &["nowhere", "--owner", "nobody"]),
    ("org provisioning", &["nowhere"]),
    ("org directory", &["nowhere"]),
    ("org set", &["nowhere", "--members-pull", "all"]),
    ("org enable", &["acme"]),
    ("org disable", &["nowhere"]),
    ("org rm", &["nowhere"]),
    ("token ls", &["alice"]),
    ("token show", &["alice", "none"]),
    ("token create", &["nobody", "--label", "x"]),
    ("token create-access-key", &["nobody", "--label", "x"]),
    ("token renew", &["alice", "none"]),
    ("token enable", &["alice", "none"]),
    ("token disable", &["alice", "none"]),
    ("token rm", &["alice", "none"]),
    ("scim-token ls", &["acme"]),
    ("scim-token create", &["nowhere"]),
    ("scim-token rotate", &["acme"]),
    ("scim-token rm", &["acme"]),
    ("repo ls", &[]),
    ("repo show", &["acme/none"]),
    ("repo readme", &["acme/none"]),
    ("repo create", &["nobody/app"]),
    ("repo set", &["acme/none", "--visibility", "public"]),
    ("repo rm", &["acme/none"]),
    ("tag ls", &["acme/none"]),
    ("tag show", &["acme/none", "latest"]),
    ("tag set", &["acme/none", "latest", "v1"]),
    ("tag rm", &["acme/none", "latest"]),
    ("tag history", &["acme/none", "latest"]),
    ("tag at", &["acme/none", "2026-01-01"]),
    ("tag diff", &["acme/none", "2026-01-01"]),
    ("tag rollback", &["acme/none", "latest"]),
    ("image ls", &["acme/none"]),
    ("image show", &["acme/none", "latest"]),
    ("image tree", &["acme/none", "latest"]),
    ("image layers", &["acme/none", "latest"]),
    ("image rm", &["acme/none", "sha256:0000000000000000000000000000000000000000000000000000000000000000"]),
    ("trash ls", &["acme"]),
    ("trash show", &["00000000-0000-4000-8000-000000000000"]),
    ("trash restore", &["00000000-0000-4000-8000-000000000000"]),
    ("trash purge", &["00000000-0000-4000-8000-000000000000"]),
    ("retention show", &["acme/none"]),
    ("retention preview", &["acme/none", "--keep-days", "30"]),
    ("retention set", &["acme/none", "--keep-newest", "5", "--except-tag", "latest"]),
    ("retention run", &["acme/none"]),
    ("retention rm", &["acme/none", "1"]),
    ("search", &["app"]),
    ("usage", &["acme"]),
    ("node ls", &[]),
    ("store ls", &[]),
    ("store verify", &[]),
    ("store scrub", &[]),
    ("settings ls", &["--all"]),
    ("key ls", &[]),
    ("key rotate", &[]),
    ("gc status", &[]),
    ("gc preview", &["nowhere"]),
    ("gc run", &["nowhere", "--kind", "both"]),
    ("gc runs", &["nowhere"]),
    ("gc show", &["nowhere"]),
    ("gc cancel", &["nowhere"]),
    ("job ls", &[]),
    ("job show", &["00000000-0000-4000-8000-000000000000"]),
    ("job follow", &["00000000-0000-4000-8000-000000000000"]),
    ("job cancel", &["00000000-0000-4000-8000-000000000000"]),
    ("work ls", &[]),
    ("work retry", &["1000000"]),
    ("work drop", &["1000000"]),
    ("audit ls", &[]),
    ("audit export", &["--since", "30d"]),
    // It would not end; who there is not ends it.
    ("audit tail", &["--account", "nowhere"]),
    ("verify", &[]),
    ("migrate", &[]),
    ("config check", &[]),
    ("config print", &[]),
    ("config reference", &[]),
    ("config test-mail", &["a@example.com"]),
    ("doctor", &[]),
    ("completion", &["bash"]),
    ("man", &["repo", "rm"]),
    ("second-factor status", &[]),
    ("second-factor enable", &[]),
    ("second-factor disable", &[]),
    ("second-factor recovery-codes", &[]),
];

/// A server that the examples are for.
pub fn example_server() -> Server {
    Server::embedded()
}

fn run(arguments: &[&str]) -> Output {
    Command::new(binary()).args(arguments).stdin(Stdio::null()).output().unwrap()
}

/// Names of the commands below one, as the help lists them.
fn subcommands(of: &[&str]) -> Vec<String> {
    let help = run(&[of, &["--help"]].concat());
    let text = String::from_utf8(help.stdout).unwrap();
    let lines = text.lines().skip_while(|line| *line != "Commands:").skip(1);
    lines
        .take_while(|line| !line.is_empty())
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .map(str::to_owned)
        .collect()
}

fn leaves(of: &[&str], found: &mut Vec<String>) {
    for name in subcommands(of) {
        let path = [of, &[&name]].concat();
        match subcommands(&path).is_empty() {
            true => found.push(path.join(" ")),
            false => leaves(&path, found),
        }
    }
}

/// Returns all commands, by their words.
pub fn commands() -> Vec<String> {
    let mut found = Vec::new();
    leaves(&[], &mut found);
    found.sort();
    found
}

#[test]
fn every_command_has_an_example() {
    let mut found = commands();
    found.retain(|command| command != "serve");
    let mut examples: Vec<&str> = EXAMPLES.iter().map(|(command, _)| *command).collect();
    examples.sort();
    assert_eq!(found, examples);
}

/// Runs an example on a server, perhaps with another first argument.
fn on(server: &Server, command: &str, arguments: &[&str]) -> Output {
    Command::new(binary())
        .args(command.split(' '))
        .args(arguments)
        .args(["--yes", "--data"])
        .arg(server.data())
        .env("LONGSHORE_REGISTRY", &server.url)
        .env("XDG_CONFIG_HOME", server.data())
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

/// The commands that do not work on a registry of their own.
fn is_elsewhere(command: &str) -> bool {
    ["config", "second-factor", "login", "logout", "context"].iter().any(|word| command.starts_with(word))
}

#[test]
fn what_is_not_there_ends_with_1_and_says_what_to_do() {
    let server = example_server();
    let mut refused = 0;
    for (command, arguments) in EXAMPLES.iter().filter(|(command, _)| !is_elsewhere(command)) {
        let output = on(&server, command, arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        let said = said.strip_prefix("longshore: ").unwrap_or(&said);
        match output.status.code() {
            Some(0) => {}
            Some(1 | 4 | 5) => {
                // `migrate` says which process to stop.
                let names_what_to_do = said.contains("longshore ");
                assert!(names_what_to_do, "{command}: {said}");
                refused += 1;
            }
            other => panic!("{command}: {other:?}: {said}"),
        }
    }
    assert!(refused > 20, "{refused}");
}

#[test]
fn a_name_that_cannot_be_ends_with_2() {
    let server = example_server();
    let nouns = [
        "user ",
        "org ",
        "token ",
        "scim-token ",
        "repo ",
        "tag ",
        "access ",
        "team ",
        "retention ",
        "member ",
        "invite ls",
    ];
    let mut tried = 0;
    for (command, arguments) in EXAMPLES {
        let [_, rest @ ..] = arguments else { continue };
        if !nouns.iter().any(|noun| command.starts_with(noun)) {
            continue;
        }
        let output = on(&server, command, &[&["Bad Name!"], rest].concat());
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{command}: {said}");
        assert!(said.contains("not a valid name"), "{command}: {said}");
        tried += 1;
    }
    let account = on(&server, "audit list", &["--account", "Bad Name!"]);
    assert_eq!(account.status.code(), Some(2));
    assert!(tried > 35, "{tried}");
}
