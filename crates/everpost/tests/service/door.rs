//! Who comes in: TLS, sign-in, throttling, origins, tokens, rights.

use std::process::Command;

use serde_json::{Value, json};

use crate::common::*;

const NOBODY: &str = "x-nobody: 1";

#[test]
fn tls_is_ours_and_headers_are_strict() {
    let (_folder, data) = demo();
    let service = Service::start(&data, &["service"]);
    let url = service.url("https", "/api/v1/healthz");
    let strange = Command::new("curl").args(["-sS", &url]).output().unwrap();
    // 60: the certificate cannot be verified.
    assert_eq!(strange.status.code(), Some(60));
    let old = ["-sS", "--tls-max", "1.2", "--cacert", service.ca(), &url];
    assert!(
        !Command::new("curl")
            .args(old)
            .output()
            .unwrap()
            .status
            .success()
    );

    let answer = service.get(NOBODY, "/healthz");
    assert_eq!(answer.status, 204);
    for (name, value) in [
        ("strict-transport-security", "max-age="),
        ("content-security-policy", "default-src 'none'"),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        ("cache-control", "no-store"),
        ("x-request-id", ""),
    ] {
        assert!(answer.headers[name].contains(value), "{name}");
    }
    let page = service.curl_to(&[], &service.url("http", "/search/deep/link"));
    assert_eq!(page.status, 200);
    assert!(page.headers["content-type"].starts_with("text/html"));
    assert!(page.headers["content-security-policy"].contains("frame-ancestors 'none'"));
    assert!(!page.headers.contains_key("strict-transport-security"));
    assert_eq!(service.get(NOBODY, "/nowhere").code(), "E-NOT-FOUND");
    assert_eq!(
        service.send(NOBODY, "PUT", "/me", &json!({})).code(),
        "E-METHOD"
    );
    service.stop();
    assert!(!data.join("api.sock").exists());
    lines(&data, &["search", ""]);
}

#[test]
fn guessing_is_slow_and_tells_nothing() {
    let (_folder, data) = demo();
    account(&data, "ann@example.org", &[]);
    account(&data, "bob@example.org", &[]);
    let service = Service::start(&data, &["service"]);
    let sign_in = |address: &str, password: &str| {
        let ask = json!({"address": address, "password": password});
        service.send(NOBODY, "POST", "/session", &ask)
    };
    let (unknown, wrong) = (
        sign_in("nobody@example.org", PASSWORD),
        sign_in("ann@example.org", "correct horse battery staplf"),
    );
    assert_eq!((unknown.status, wrong.status), (401, 401));
    assert_eq!(unknown.body, wrong.body);
    for _ in 0..4 {
        assert_eq!(sign_in("ann@example.org", "wrong").status, 401);
    }
    let throttled = sign_in("ANN@example.org", PASSWORD);
    assert_eq!(
        (throttled.status, throttled.code().as_str()),
        (429, "E-TOO-MANY")
    );
    assert!(throttled.headers["retry-after"].parse::<u64>().unwrap() > 0);
    let who = service.sign_in("bob@example.org", PASSWORD);
    assert_eq!(
        service.get(&who, "/me").well()["address"],
        "bob@example.org"
    );

    assert_eq!(
        service.send(&who, "DELETE", "/session", &json!({})).status,
        204
    );
    assert_eq!(service.get(&who, "/me").code(), "E-SIGN-IN");
    let who = service.sign_in("bob@example.org", PASSWORD);
    service.stop();
    let off = everpost(&data, &["user", "disable", "bob@example.org"]);
    assert!(off.status.success());
    let service = Service::start(&data, &["service"]);
    assert_eq!(service.get(&who, "/me").status, 401);
    let ask = json!({"address": "bob@example.org", "password": PASSWORD});
    assert_eq!(service.send(NOBODY, "POST", "/session", &ask).status, 401);
}

#[test]
fn pages_of_others_change_nothing() {
    let (_folder, data) = demo();
    account(&data, "ann@example.org", &[]);
    let service = Service::start(&data, &["service"]);
    let who = service.sign_in("ann@example.org", PASSWORD);
    let save = |more: &[&str]| {
        let base = [
            "-X",
            "POST",
            "-H",
            &who,
            "-H",
            "content-type: application/json",
        ];
        let body = ["-d", r#"{"name":"mine","q":"x"}"#];
        service.curl(&[&base, more, &body].concat(), "/saved-searches")
    };
    let own = format!("origin: {}", service.url("https", ""));
    for strange in [
        &["-H", "origin: https://evil.example"][..],
        &["-H", "origin: null"],
        &["-H", "sec-fetch-site: cross-site"],
        &["-H", "sec-fetch-site: same-site"],
        &["-H", &own, "-H", "sec-fetch-site: cross-site"],
    ] {
        assert_eq!(save(strange).code(), "E-ORIGIN", "{strange:?}");
    }
    assert_eq!(
        service.get(&who, "/saved-searches").well()["items"],
        json!([])
    );
    assert_eq!(
        save(&["-H", &own, "-H", "sec-fetch-site: same-origin"]).status,
        201
    );
    assert_eq!(save(&[]).status, 201);
    let saved = service.get(&who, "/saved-searches").well();
    assert_eq!(saved["items"].as_array().unwrap().len(), 1);
    let id = saved["items"][0]["id"].as_i64().unwrap();
    let gone = service.send(&who, "DELETE", &format!("/saved-searches/{id}"), &json!({}));
    assert_eq!(gone.status, 204);
}

#[test]
fn a_token_does_what_its_scopes_say() {
    let (_folder, data) = demo();
    let owner = owners(&data).remove(0);
    account(&data, &owner, &[]);
    account(&data, "root@example.org", &["--role", "admin"]);
    let made = lines(
        &data,
        &[
            "token", "create", &owner, "--name", "cli", "--scope", "search",
        ],
    );
    let cli = format!(
        "authorization: Bearer {}",
        made[0]["secret"].as_str().unwrap()
    );
    let service = Service::start(&data, &["service"]);
    let who = service.sign_in(&owner, PASSWORD);
    let found = service.get(&cli, "/search?limit=1").well();
    let id = found["hits"][0]["sha256"].as_str().unwrap();
    let raw = format!("/messages/{id}/raw");
    assert_eq!(service.get(&cli, &raw).code(), "E-FORBIDDEN");

    let ask = json!({"name": "reader", "scopes": ["read"]});
    let made = service.send(&who, "POST", "/tokens", &ask).well();
    let reader = format!("authorization: Bearer {}", made["secret"].as_str().unwrap());
    let answer = service.get(&reader, &raw);
    assert_eq!(answer.status, 200);
    let etag = format!("if-none-match: {}", answer.headers["etag"]);
    let again = service.curl(&["-H", &reader, "-H", &etag], &raw);
    assert_eq!((again.status, again.body.len()), (304, 0));
    assert_eq!(service.get(&reader, "/search").code(), "E-FORBIDDEN");
    // A token makes no tokens, and no secret is shown twice.
    assert_eq!(
        service.send(&reader, "POST", "/tokens", &ask).code(),
        "E-FORBIDDEN"
    );
    let list = service.get(&who, "/tokens").well();
    assert_eq!(list["items"].as_array().unwrap().len(), 2);
    assert!(!list.to_string().contains(made["secret"].as_str().unwrap()));
    let revoke = format!("/tokens/{}", made["id"]);
    let admin = service.sign_in("root@example.org", PASSWORD);
    assert_eq!(
        service.send(&admin, "DELETE", &revoke, &json!({})).status,
        204
    );
    assert_eq!(service.get(&reader, &raw).status, 401);
    let bad = json!({"name": "x", "scopes": ["everything"]});
    assert_eq!(
        service.send(&who, "POST", "/tokens", &bad).code(),
        "E-INVALID"
    );
}

/// Mailboxes of the archive.
pub(crate) fn owners(data: &std::path::Path) -> Vec<String> {
    lines(data, &["status", "--mailboxes"])
        .iter()
        .filter_map(|line| line["mailbox"].as_str().map(String::from))
        .collect()
}

#[test]
fn an_admin_manages_and_reads_nothing() {
    let (_folder, data) = demo();
    account(
        &data,
        "root@example.org",
        &["--role", "admin", "--owns", "ann@example.org"],
    );
    let service = Service::start(&data, &["service"]);
    let admin = service.sign_in("root@example.org", PASSWORD);
    assert_eq!(service.get(&admin, "/search").code(), "E-FORBIDDEN");
    assert!(
        service.get(&admin, "/storage").well()["copies"]
            .as_u64()
            .unwrap()
            > 0
    );
    let new =
        json!({"address": "new@example.org", "password": PASSWORD, "roles": ["user", "reviewer"]});
    let made = service.send(&admin, "POST", "/users", &new);
    assert_eq!(
        (made.status, made.json()["owns"].clone()),
        (201, json!(["new@example.org"]))
    );
    assert_eq!(
        service.send(&admin, "POST", "/users", &new).code(),
        "E-EXISTS"
    );
    let weak = json!({"address": "weak@example.org", "password": "short"});
    assert_eq!(
        service.send(&admin, "POST", "/users", &weak).code(),
        "E-INVALID"
    );
    let own = json!({"roles": ["admin", "user"]});
    let mine = service.send(&admin, "PATCH", "/users/root@example.org", &own);
    assert_eq!(mine.code(), "E-FORBIDDEN");
    let case = json!({"name": "c", "reason": "r", "people": ["ann@example.org"],
        "from": "2020-01-01", "to": "2030-01-01"});
    assert_eq!(
        service.send(&admin, "POST", "/cases", &case).code(),
        "E-FORBIDDEN"
    );

    let user = service.sign_in("new@example.org", PASSWORD);
    for path in ["/users", "/storage", "/imports"] {
        assert_eq!(service.get(&user, path).code(), "E-FORBIDDEN", "{path}");
    }
    let change = json!({"password": "another long password"});
    let path = "/users/new@example.org";
    assert_eq!(
        service.send(&user, "PATCH", path, &change).code(),
        "E-FORBIDDEN"
    );
    let change = json!({"password": "another long password", "current_password": PASSWORD});
    assert_eq!(service.send(&user, "PATCH", path, &change).status, 200);
    assert_eq!(service.get(&user, "/me").status, 401);
    service.sign_in("new@example.org", "another long password");
}

/// Every operation of the description, with another's message and foreign numbers in it.
fn walk(description: &Value, id: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for (path, operations) in description["paths"].as_object().unwrap() {
        let path = path
            .strip_prefix("/api/v1")
            .unwrap()
            .replace("{index}", "0")
            .replace("{address}", "root@example.org");
        let path = match path.starts_with("/messages/") {
            true => path.replace("{id}", id),
            false => path.replace("{id}", "1"),
        };
        for method in operations.as_object().unwrap().keys() {
            found.push((method.to_uppercase(), path.clone()));
        }
    }
    found
}

#[test]
fn nobody_sees_anothers_mail_by_any_operation() {
    let (_folder, data) = demo();
    let mailboxes = owners(&data);
    account(&data, &mailboxes[0], &[]);
    account(
        &data,
        "stranger@example.org",
        &["--role", "reviewer", "--role", "user"],
    );
    account(&data, "root@example.org", &["--role", "admin"]);
    account(&data, "law@example.org", &["--role", "officer"]);
    let service = Service::start(&data, &["service"]);
    let owner = service.sign_in(&mailboxes[0], PASSWORD);
    let hit = service.get(&owner, "/search?limit=1").well()["hits"][0].clone();
    let id = hit["sha256"].as_str().unwrap();
    let subject = hit["subject"].as_str().unwrap();
    let description = service.get(NOBODY, "/openapi.json").well();
    let operations = walk(&description, id);
    assert!(operations.len() > 40, "{operations:?}");
    let law = service.sign_in("law@example.org", PASSWORD);
    let case = json!({"name": "another's", "reason": "a test", "people": [&mailboxes[0]],
        "from": "2000-01-01", "to": "2100-01-01"});
    let case = service.send(&law, "POST", "/cases", &case).well()["id"].clone();
    for address in [
        "stranger@example.org",
        "root@example.org",
        "law@example.org",
        "",
    ] {
        for (method, path) in &operations {
            // Each is asked anew: one of the operations signs out.
            let who = match address {
                "" => NOBODY.to_string(),
                _ if path == "/session" => continue,
                address => service.sign_in(address, PASSWORD),
            };
            let mut asked = vec![format!(
                "{path}?id={id}&q={}",
                "&prefix=a&kind=demo&messages=0"
            )];
            if address == "stranger@example.org" {
                asked.push(format!("{}&case={case}", asked[0]));
            }
            for path in asked {
                if path.contains("/events") || (path.starts_with("/imports") && method == "POST") {
                    continue;
                }
                let answer = service.send(
                    &who,
                    method,
                    &path,
                    &json!({"id": id, "ids": [id], "q": ""}),
                );
                let body = answer.text();
                assert!(!body.contains(subject), "{address} {method} {path}: {body}");
                if path.starts_with("/messages/") {
                    assert!(
                        [401, 403, 404].contains(&answer.status),
                        "{address} {method} {path}: {body}"
                    );
                }
                if path.starts_with("/search/snippets") && answer.status == 200 {
                    assert_eq!(answer.json()["snippets"], json!([]));
                }
            }
        }
    }
}
