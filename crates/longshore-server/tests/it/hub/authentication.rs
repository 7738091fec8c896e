use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use longshore_domain::second_factor::TotpSecret;
use serde_json::{Value, json};

use super::{access_token, send, session, sign_in};
use crate::server::{PASSWORD, Server, user};

fn claims(session: &str) -> Value {
    let token = session.trim_start_matches("Bearer ");
    let parts: Vec<&str> = token.split('.').collect();
    assert_eq!(parts.len(), 3, "clients take the token apart");
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(parts[1]).unwrap()).unwrap()
}

#[expect(clippy::disallowed_methods, reason = "the server that is tested has the real clock too")]
pub fn time() -> Timestamp {
    Timestamp::now()
}

fn now() -> i64 {
    time().as_second()
}

/// Decodes RFC 4648 base 32, as an authenticator does.
pub fn secret(base32: &str) -> TotpSecret {
    let mut bits = 0u32;
    let mut count = 0;
    let mut bytes = Vec::new();
    for letter in base32.bytes() {
        let value = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".iter().position(|known| *known == letter).unwrap();
        bits = (bits << 5 | u32::try_from(value).unwrap()) & 0xffff;
        count += 5;
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from(bits >> count & 0xff).unwrap());
        }
    }
    TotpSecret::from_stored(&bytes).unwrap()
}

#[test]
fn a_sign_in_gives_a_token_that_hub_clients_can_read() {
    let server = Server::new();
    let session = sign_in(&server, "alice");
    let read = claims(&session);
    assert_eq!(read["https://hub.docker.com"]["username"], "alice");
    let lifetime = read["exp"].as_i64().unwrap() - now();
    assert!((86_000..=86_400).contains(&lifetime), "{lifetime}");
    for path in ["/v2/user", "/v2/user/"] {
        let me = server.get(path, &session).expect(200).json();
        assert_eq!((me["username"].as_str(), me["type"].as_str()), (Some("alice"), Some("User")));
        assert_eq!(me["id"].as_str().unwrap().len(), 32);
    }
    // Older scripts write another scheme.
    let token = session.trim_start_matches("Bearer ");
    let headers = [("authorization", format!("JWT {token}"))];
    let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    server.send("GET", "/v2/user/", "", &headers, b"").expect(200);
    // The registry does not take it, nor is its own token good here.
    server.get("/v2/", &session).expect(401);
    server.get("/v2/user", &server.token(&user("alice"), &["registry:catalog:*"])).expect(401);
}

#[test]
fn the_plan_is_shown_and_the_first_api_is_gone() {
    let server = Server::new();
    let alice = sign_in(&server, "alice");
    let plan = |id: &Value| format!("/api/billing/v4/accounts/{}/hub-plan", id.as_str().unwrap());
    let own = server.get("/v2/user", &alice).expect(200).json();
    assert_eq!(server.get(&plan(&own["id"]), &alice).expect(200).json()["name"], "business");
    let acme = server.get("/v2/orgs/acme", &alice).expect(200).json();
    assert_eq!(server.get(&plan(&acme["uuid"]), &alice).expect(200).json()["name"], "business");
    server.get(&plan(&acme["uuid"]), &sign_in(&server, "bob")).expect(404);
    server.get("/api/billing/v4/accounts/x/hub-plan", &alice).expect(404);
    for path in ["alpine/tags", "library/alpine/images", "library/alpine/tags/latest"] {
        server.get(&format!("/v1/repositories/{path}"), "").expect(410);
    }
}

#[test]
fn refused_sign_ins_say_the_same_for_every_reason() {
    let server = Server::new();
    for body in [
        json!({ "username": "alice", "password": "wrong" }),
        json!({ "username": "nobody", "password": PASSWORD }),
        json!({ "username": "acme", "password": PASSWORD }),
        json!({ "username": "../alice", "password": PASSWORD }),
        json!({ "username": "alice", "password": "lsp_0000" }),
    ] {
        let refused = send(&server, "POST", "/v2/users/login", "", &body).expect(401).json();
        let text = "Incorrect authentication credentials";
        assert_eq!(refused, json!({ "detail": text, "message": text }), "{body}");
    }
    for body in
        [json!({}), json!({ "username": "alice" }), json!([1]), json!({ "username": 1, "password": 2 })]
    {
        let invalid = send(&server, "POST", "/v2/users/login", "", &body).expect(400).json();
        assert!(invalid["fields"]["body"][0].is_string() && invalid["text"].is_string(), "{invalid}");
    }
    server.send("POST", "/v2/users/login", "", &[], b"{\"username\":").expect(400);
    server.send("POST", "/v2/users/login", "", &[], &vec![b' '; 2 << 20]).expect(413);
    assert_eq!(server.get("/v2/users/login", "").expect(405).header("allow"), "POST");
    server.get("/v2/users/nothing/here", "").expect(404);
}

#[test]
fn abuse_19_sign_ins_are_throttled_with_both_headers() {
    let server = Server::new();
    let wrong = json!({ "username": "alice", "password": "wrong" });
    for _ in 0..10 {
        send(&server, "POST", "/v2/users/login", "", &wrong).expect(401);
    }
    let right = json!({ "username": "alice", "password": PASSWORD });
    let throttled = send(&server, "POST", "/v2/users/login", "", &right).expect(429);
    let seconds: i64 = throttled.header("retry-after").parse().unwrap();
    let at: i64 = throttled.header("x-retry-after").parse().unwrap();
    assert!((now() + seconds - at).abs() <= 2, "{seconds} {at}");
}

#[test]
fn a_refresh_token_signs_in_again_in_the_place_of_the_password() {
    let server = Server::new();
    let body = json!({ "username": "alice", "password": PASSWORD });
    let plain = send(&server, "POST", "/v2/users/login", "", &body).expect(200).json();
    assert_eq!(plain.get("refresh_token"), None);
    let answer = send(&server, "POST", "/v2/users/login?refresh_token=true", "", &body).expect(200).json();
    let refresh = answer["refresh_token"].as_str().unwrap();
    let renewed = session(&server, "alice", refresh);
    server.get("/v2/user", &renewed).expect(200);
    server.admin_with_input(&["user", "password", "alice", "--password-stdin"], "another long password");
    let old = json!({ "username": "alice", "password": refresh });
    send(&server, "POST", "/v2/users/login", "", &old).expect(401);
    server.get("/v2/user", &renewed).expect(401);
}

#[test]
fn auth_token_exchanges_passwords_and_access_tokens() {
    let server = Server::new();
    let alice = sign_in(&server, "alice");
    let token = access_token(&server, &alice, "repo:read");
    for secret in [PASSWORD, token["token"].as_str().unwrap()] {
        let body = json!({ "identifier": "alice", "secret": secret });
        let answer = send(&server, "POST", "/v2/auth/token", "", &body).expect(200).json();
        let session = format!("Bearer {}", answer["access_token"].as_str().unwrap());
        let lifetime = claims(&session)["exp"].as_i64().unwrap() - now();
        assert!((590..=600).contains(&lifetime), "{lifetime}");
        server.get("/v2/user", &session).expect(200);
    }
    let body = json!({ "identifier": "alice", "secret": "wrong" });
    let refused = send(&server, "POST", "/v2/auth/token", "", &body).expect(401).json();
    assert!(
        refused["errinfo"].is_object() && refused["detail"].is_string() && refused["message"].is_string()
    );
    send(&server, "POST", "/v2/auth/token", "", &json!({ "identifier": "alice" })).expect(400);
}

#[test]
fn a_second_factor_is_set_up_used_and_reset_over_http() {
    let server = Server::new();
    let alice = sign_in(&server, "alice");
    let off = json!({ "enabled": false, "enabled_at": null, "recovery_codes_left": 0 });
    assert_eq!(server.get("/v2/user/2fa", &alice).expect(200).json(), off);
    send(&server, "POST", "/v2/user/2fa/enrol", &alice, &json!({ "password": "wrong" })).expect(401);
    let begun = send(&server, "POST", "/v2/user/2fa/enrol", &alice, &json!({ "password": PASSWORD }))
        .expect(200)
        .json();
    let (text, url) = (begun["secret"].as_str().unwrap(), begun["otpauth_url"].as_str().unwrap());
    assert!(url.starts_with("otpauth://totp/") && url.contains(text), "{url}");
    assert!(begun["qr_code_svg"].as_str().unwrap().contains("<svg"));
    let secret = secret(text);
    let at = |steps: u64| time() + Duration::from_secs(30 * steps);
    let code = secret.code_at(at(0)).unwrap();
    send(&server, "POST", "/v2/user/2fa/confirm", &alice, &json!({ "code": "no code" })).expect(400);
    let confirmed =
        send(&server, "POST", "/v2/user/2fa/confirm", &alice, &json!({ "code": code })).expect(200).json();
    assert_eq!(confirmed["recovery_codes"].as_array().unwrap().len(), 10);
    server.get("/v2/user", &alice).expect(401);
    let alice = format!("Bearer {}", confirmed["token"].as_str().unwrap());
    assert_eq!(server.get("/v2/user/2fa", &alice).expect(200).json()["enabled"], true);

    let body = json!({ "username": "alice", "password": PASSWORD });
    let needed = send(&server, "POST", "/v2/users/login", "", &body).expect(401).json();
    // Clients compare the whole text.
    assert_eq!(needed["detail"], "Require secondary authentication on MFA enabled account");
    let challenge = &needed["login_2fa_token"];
    let second = |code: &Value| {
        let body = json!({ "login_2fa_token": challenge, "code": code });
        send(&server, "POST", "/v2/users/2fa-login", "", &body)
    };
    second(&json!("999999x")).expect(401);
    second(&json!(code)).expect(401);
    // An authenticator may be a step ahead; some clients send a number.
    let next = secret.code_at(at(1)).unwrap();
    let answer = second(&json!(next.parse::<u32>().unwrap())).expect(200).json();
    server.get("/v2/user", &format!("Bearer {}", answer["token"].as_str().unwrap())).expect(200);
    second(&confirmed["recovery_codes"][0]).expect(401);

    // Where there is no second step, an access token is asked for.
    let refused = server.get("/v2/", &user("alice")).expect(401).json();
    assert!(refused["errors"][0]["message"].as_str().unwrap().contains("access token"), "{refused}");
    server.get("/token?service=longshore", &user("alice")).expect(401);
    let exchange = json!({ "identifier": "alice", "secret": PASSWORD });
    send(&server, "POST", "/v2/auth/token", "", &exchange).expect(401);
    let token = access_token(&server, &alice, "repo:read");
    server.get("/v2/", &format!("alice:{}", token["token"].as_str().unwrap())).expect(200);

    let both = |code: &Value| json!({ "password": PASSWORD, "code": code });
    let renewed =
        send(&server, "POST", "/v2/user/2fa/recovery-codes", &alice, &both(&confirmed["recovery_codes"][1]));
    let renewed = renewed.expect(200).json();
    let stale = both(&confirmed["recovery_codes"][2]);
    send(&server, "POST", "/v2/user/2fa/disable", &alice, &stale).expect(401);
    send(&server, "POST", "/v2/user/2fa/disable", &alice, &both(&renewed["recovery_codes"][0])).expect(204);
    send(&server, "POST", "/v2/user/2fa/disable", &alice, &both(&renewed["recovery_codes"][1])).expect(409);
    server.get("/v2/", &user("alice")).expect(200);

    // The operator helps those who have lost it.
    let begun = send(&server, "POST", "/v2/user/2fa/enrol", &alice, &json!({ "password": PASSWORD }))
        .expect(200)
        .json();
    let code = self::secret(begun["secret"].as_str().unwrap()).code_at(at(0)).unwrap();
    send(&server, "POST", "/v2/user/2fa/confirm", &alice, &json!({ "code": code })).expect(200);
    server.get("/v2/", &user("alice")).expect(401);
    server.admin(&["user", "reset-second-factor", "alice"]);
    server.get("/v2/", &user("alice")).expect(200);
    let log = server.admin(&["audit", "list", "--account", "alice"]).to_string();
    assert!(log.contains("user.enable_second_factor") && log.contains("user.disable_second_factor"), "{log}");
}

/// Runs a client command, and answers its questions with codes that are made from what it said.
fn client(
    server: &Server,
    arguments: &[&str],
    answers: impl Fn(&str, usize) -> String,
) -> (bool, Value, String) {
    use std::io::{Read, Write};
    let mut child = std::process::Command::new(crate::server::binary())
        .args(["client", "second-factor"])
        .args(arguments)
        .args(["--json", "--registry", &server.url])
        .env("LONGSHORE_USERNAME", "alice")
        .env("LONGSHORE_PASSWORD", PASSWORD)
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let (mut input, mut errors) = (child.stdin.take().unwrap(), child.stderr.take().unwrap());
    let mut said = String::new();
    let mut asked = 0;
    let mut byte = [0];
    let mut bytes = Vec::new();
    while errors.read(&mut byte).unwrap() == 1 {
        bytes.push(byte[0]);
        said = String::from_utf8_lossy(&bytes).into_owned();
        if said.ends_with(": ") && (said.ends_with("code: ") || said.ends_with("recovery code: ")) {
            writeln!(input, "{}", answers(&said, asked)).unwrap();
            asked += 1;
        }
    }
    drop(input);
    let output = child.wait_with_output().unwrap();
    (output.status.success(), serde_json::from_slice(&output.stdout).unwrap_or_default(), said)
}

#[test]
fn the_owner_sets_a_second_factor_up_from_the_command_line() {
    let server = Server::new();
    let nothing = |_: &str, _| String::new();
    let (ok, status, _) = client(&server, &["status"], nothing);
    assert!(ok && status["enabled"] == false, "{status}");
    let secret_in = |said: &str| {
        let text = said.split("secret  ").nth(1).unwrap().split_whitespace().next().unwrap();
        secret(text)
    };
    let (ok, wrong, said) = client(&server, &["enable"], |_, _| "12".into());
    assert!(!ok, "{wrong} {said}");
    let (ok, enabled, said) =
        client(&server, &["enable"], |said, _| secret_in(said).code_at(time()).unwrap());
    assert!(ok, "{said}");
    assert!(said.contains('\u{2588}'), "a QR code is drawn: {said}");
    let codes = enabled["recovery_codes"].as_array().unwrap().clone();
    let code = |n: usize| codes[n].as_str().unwrap().to_owned();
    let (ok, status, said) = client(&server, &["status"], |_, _| code(0));
    assert!(ok && status["recovery_codes_left"] == 9, "{status} {said}");
    let (ok, renewed, said) = client(&server, &["recovery-codes"], |_, asked| code(1 + asked));
    assert!(ok, "{said}");
    let code = |n: usize| renewed["recovery_codes"][n].as_str().unwrap().to_owned();
    let (ok, _, said) = client(&server, &["disable"], |_, asked| code(asked));
    assert!(ok, "{said}");
    server.get("/v2/", &user("alice")).expect(200);
}
