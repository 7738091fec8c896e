//! What is refused, with the status and the code of the API's table.

use serde_json::{Value, json};

use super::{project_id, push, pusher, send, shop, token};

const SHOP: &str = "/v2/manage/namespaces/shop";

#[test]
fn what_is_refused_has_its_code() {
    let server = shop(&[]);
    let (alice, bob) = (token(&server, "alice", "eu-de"), token(&server, "bob", "eu-de"));
    let bob_id = project_id(&server, "bob", "bob");
    push(&server, &pusher(), "shop/app", "v1");
    let permission = |auth: u8| json!([{ "user_id": bob_id, "user_name": "bob", "auth": auth }]);
    let share = |account: &str| json!({ "access_domain": account, "permit": "read", "deadline": "forever" });
    let terms = json!({ "permit": "read", "deadline": "forever" });
    let at = |rest: &str| format!("{SHOP}{rest}");
    let domains = at("/repositories/app/access-domains");
    let app = |rest: &str| at(&format!("/repos/app{rest}"));
    let repository = |name: &str| json!({ "repository": name, "is_public": false });
    let none = Value::Null;
    let refused = |method: &str, path: &str, who: &str, body: &Value, status: u16, code: &str| {
        let answer = send(&server, method, path, who, body).expect(status).json();
        let error = &answer[0];
        assert_eq!(error["errorCode"], format!("SVCSTG.SWR.{code}"), "{method} {path} {body}");
        assert!(error["errorMessage"].as_str().unwrap().len() > 10 && error["detail"].is_string(), "{error}");
    };

    // Who asks.
    refused("GET", SHOP, "", &none, 400, "4001048");
    refused("GET", SHOP, "Token none", &none, 401, "4010000");
    let foreign = format!("/v2/manage/projects/{}/quotas", "0".repeat(32));
    refused("GET", &foreign, &alice, &none, 401, "4011064");

    // What is not there.
    refused("GET", "/v2/manage/namespaces/none", &alice, &none, 404, "4040058");
    refused("GET", &at("/repos/none"), &alice, &none, 404, "4040113");
    refused("GET", &app("/tags/none"), &alice, &none, 404, "4040115");
    refused("GET", &app("/retentions/9"), &alice, &none, 404, "4040091");
    refused("DELETE", &at("/access"), &alice, &json!([bob_id]), 404, "4040078");
    refused("PATCH", &app("/access"), &alice, &permission(1), 404, "4040091");
    refused("DELETE", &format!("{domains}/bob"), &alice, &none, 404, "4040091");
    refused("PATCH", &format!("{domains}/bob"), &alice, &terms, 404, "4040091");
    refused("GET", "/v2/manage/none", &alice, &none, 404, "4040083");
    refused("PUT", SHOP, &alice, &none, 405, "4031033");

    // What cannot be.
    refused("POST", "/v2/manage/namespaces", &alice, &json!({ "namespace": "No Name" }), 400, "4001028");
    refused("POST", &at("/repos"), &alice, &repository("No Name"), 400, "4001029");
    refused("DELETE", &app("/tags/-"), &alice, &none, 400, "4009021");
    refused("POST", &at("/repos"), &alice, &json!({ "repository": "app" }), 400, "4000014");
    refused("GET", "/v2/manage/repos?filter=x", &alice, &none, 400, "4001035");
    refused("GET", "/v2/manage/repos?offset=0&limit=0", &alice, &none, 400, "4000056");
    refused("GET", "/v2/manage/reports/store/hourly", &alice, &none, 400, "4001025");
    refused("POST", &at("/access"), &alice, &permission(2), 400, "4001091");
    let nobody = json!([{ "user_id": "0".repeat(32), "user_name": "bob", "auth": 1 }]);
    refused("POST", &app("/access"), &alice, &nobody, 400, "4001067");
    for account in ["nobody", "No Name"] {
        refused("POST", &domains, &alice, &share(account), 400, "4001041");
    }
    refused("GET", &format!("{domains}/No%20Name"), &alice, &none, 400, "4001041");
    let large = json!({ "namespace": "x".repeat(5 << 20) });
    refused("POST", "/v2/manage/namespaces", &alice, &large, 413, "4131001");

    // What is there already, or still.
    refused("POST", "/v2/manage/namespaces", &alice, &json!({ "namespace": "shop" }), 409, "4090060");
    refused("POST", &at("/repos"), &alice, &repository("app"), 409, "4090006");
    refused("DELETE", SHOP, &alice, &none, 406, "4060074");
    for (path, given, code) in [(at("/access"), 200, "4090076"), (app("/access"), 201, "4090089")] {
        send(&server, "POST", &path, &alice, &permission(1)).expect(given);
        refused("POST", &path, &alice, &permission(1), 409, code);
    }
    send(&server, "POST", &domains, &alice, &share("bob")).expect(201);
    refused("POST", &domains, &alice, &share("bob"), 409, "4090089");

    // What bob, who may read, may not do.
    refused("DELETE", SHOP, &bob, &none, 403, "4037017");
    refused("DELETE", &app(""), &bob, &none, 403, "4037018");
    refused("DELETE", &app("/tags/v1"), &bob, &none, 403, "4037020");
    refused("POST", &domains, &bob, &share("bob"), 403, "4037018");

    // An organization keeps an owner.
    let alice_id = project_id(&server, "alice", "alice");
    refused("DELETE", &at("/access"), &alice, &json!([alice_id]), 400, "4001065");
}
