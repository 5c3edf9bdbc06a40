//! A service of the real program, and curl as its client.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::{Value, json};

pub(crate) const PASSWORD: &str = "correct horse battery staple";

/// The program on an archive.
pub(crate) fn everpost(data: &Path, arguments: &[&str]) -> Output {
    everpost_with(data, arguments, "")
}

/// The program, without what the environment of the tests says.
pub(crate) fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_everpost"));
    for name in ["EVERPOST_DATA", "EVERPOST_CATALOG", "EVERPOST_OBJECTS"] {
        command.env_remove(name);
    }
    command
}

/// As [`everpost`], with something on standard input.
pub(crate) fn everpost_with(data: &Path, arguments: &[&str], input: &str) -> Output {
    everpost_as(program(), data, arguments, input)
}

/// As [`everpost_with`], by a program that was given more to start with.
pub(crate) fn everpost_as(
    mut program: Command,
    data: &Path,
    arguments: &[&str],
    input: &str,
) -> Output {
    let mut child = program
        .arg("--data")
        .arg(data)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(input.as_bytes())
        .unwrap();
    child.wait_with_output().unwrap()
}

/// Lines of JSON of a run that went well.
pub(crate) fn lines(data: &Path, arguments: &[&str]) -> Vec<Value> {
    let output = everpost(data, &[&["--json"], arguments].concat());
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {errors}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Makes an account with [`PASSWORD`].
pub(crate) fn account(data: &Path, address: &str, more: &[&str]) {
    let base = ["user", "add", address, "--password-stdin"];
    let output = everpost_with(data, &[&base, more].concat(), &format!("{PASSWORD}\n"));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
}

/// A folder with an archive of the demo.
pub(crate) fn demo() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    lines(&data, &["import", "demo", "--messages", "300"]);
    (folder, data)
}

/// A running service; killed when it is dropped.
pub(crate) struct Service {
    child: Child,
    pub(crate) ready: Value,
    /// What it printed before it was ready.
    pub(crate) said: Vec<Value>,
}

/// An answer.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("not JSON: {}", self.text()))
    }

    /// The JSON of an answer that went well.
    pub(crate) fn well(&self) -> Value {
        assert!((200..300).contains(&self.status), "{}", self.text());
        self.json()
    }

    /// The code of a problem, which must be one.
    pub(crate) fn code(&self) -> String {
        assert_eq!(self.headers["content-type"], "application/problem+json");
        let problem = self.json();
        assert_eq!(problem["status"], self.status);
        assert_eq!(
            problem["type"],
            format!("urn:everpost:problem:{}", problem["code"].as_str().unwrap())
        );
        assert!(problem["title"].is_string() && problem["detail"].is_string());
        problem["code"].as_str().unwrap().to_string()
    }
}

impl Service {
    pub(crate) fn start(data: &Path, command: &[&str]) -> Self {
        Self::start_as(program(), data, command)
    }

    /// As [`Service::start`], by a program that was given more to start with.
    pub(crate) fn start_as(program: Command, data: &Path, command: &[&str]) -> Self {
        let web = [
            "--listen",
            "https=127.0.0.1:0",
            "--listen",
            "http=127.0.0.1:0",
        ];
        Self::start_role(program, data, &[command, &web].concat())
    }

    /// Any role, with the listeners that the command names.
    pub(crate) fn start_role(mut program: Command, data: &Path, command: &[&str]) -> Self {
        let ready_file = data.with_extension("ready.json");
        std::fs::remove_file(&ready_file).ok();
        let mut child = program
            .args(["--json", "--data"])
            .arg(data)
            .args(command)
            .arg("--ready-file")
            .arg(&ready_file)
            .stdout(Stdio::piped())
            .stderr(std::fs::File::create(data.with_extension("log")).unwrap())
            .spawn()
            .unwrap();
        let mut said = Vec::new();
        let out = BufReader::new(child.stdout.take().unwrap());
        for line in out.lines() {
            let line: Value = serde_json::from_str(&line.unwrap()).unwrap();
            if line["listeners"].is_object() {
                let ready = std::fs::read(&ready_file).unwrap();
                let ready: Value = serde_json::from_slice(&ready).unwrap();
                assert_eq!(ready, line);
                return Service { child, ready, said };
            }
            said.push(line);
        }
        child.wait().ok();
        let log = std::fs::read_to_string(data.with_extension("log")).unwrap();
        panic!("the service did not start: {log}");
    }

    pub(crate) fn url(&self, name: &str, path: &str) -> String {
        let address = self.ready["listeners"][name].as_str().unwrap();
        format!("{name}://{address}{path}")
    }

    pub(crate) fn ca(&self) -> &str {
        self.ready["ca"].as_str().unwrap()
    }

    /// curl with these arguments, to an address of the API.
    pub(crate) fn curl(&self, arguments: &[&str], path: &str) -> Answer {
        self.curl_to(arguments, &self.url("https", &format!("/api/v1{path}")))
    }

    pub(crate) fn curl_to(&self, arguments: &[&str], url: &str) -> Answer {
        let folder = tempfile::tempdir().unwrap();
        let (head, body) = (folder.path().join("head"), folder.path().join("body"));
        let output = Command::new("curl")
            .args(["-sS", "--globoff", "--cacert", self.ca(), "-D"])
            .arg(&head)
            .arg("-o")
            .arg(&body)
            .args(["-w", "%{http_code}"])
            .args(arguments)
            .arg(url)
            .output()
            .unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "curl {url}: {errors}");
        let headers = std::fs::read_to_string(head).unwrap();
        Answer {
            status: String::from_utf8_lossy(&output.stdout).parse().unwrap(),
            headers: headers
                .lines()
                .filter_map(|line| line.split_once(": "))
                .map(|(name, value)| (name.to_lowercase(), value.to_string()))
                .collect(),
            body: std::fs::read(body).unwrap_or_default(),
        }
    }

    pub(crate) fn send(&self, who: &str, method: &str, path: &str, body: &Value) -> Answer {
        let body = body.to_string();
        self.curl(
            &[
                "-X",
                method,
                "-H",
                who,
                "-H",
                "content-type: application/json",
                "-d",
                &body,
            ],
            path,
        )
    }

    pub(crate) fn get(&self, who: &str, path: &str) -> Answer {
        self.curl(&["-H", who], path)
    }

    /// Signs in; returns the header that says so.
    pub(crate) fn sign_in(&self, address: &str, password: &str) -> String {
        let ask = json!({"address": address, "password": password});
        let answer = self.send("x-nobody: 1", "POST", "/session", &ask);
        assert_eq!(answer.status, 200, "{}", answer.text());
        let cookie = &answer.headers["set-cookie"];
        for wanted in [
            "__Host-everpost=",
            "Secure",
            "HttpOnly",
            "SameSite=Strict",
            "Path=/",
        ] {
            assert!(cookie.contains(wanted), "{cookie}");
        }
        format!("cookie: {}", cookie.split(';').next().unwrap())
    }

    /// Follows an import's events until one is as `wanted`; returns it.
    pub(crate) fn watch(&self, who: &str, job: i64, wanted: impl Fn(&Value) -> bool) -> Value {
        let mut curl = Command::new("curl")
            .args(["-sSN", "--cacert", self.ca(), "-H", who])
            .arg(self.url("https", &format!("/api/v1/imports/{job}/events")))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let out = BufReader::new(curl.stdout.take().unwrap());
        let found = out.lines().map_while(Result::ok).find_map(|line| {
            let job: Value = serde_json::from_str(line.strip_prefix("data: ")?).ok()?;
            wanted(&job).then_some(job)
        });
        curl.kill().ok();
        curl.wait().unwrap();
        found.expect("the events end without the one that was waited for")
    }

    /// Stops it as an operating system would; it must end well.
    pub(crate) fn stop(mut self) {
        let pid = self.child.id().to_string();
        let killed = Command::new("kill").args(["-TERM", &pid]).status().unwrap();
        assert!(killed.success());
        assert!(self.child.wait().unwrap().success());
    }

    /// Ends it without warning.
    pub(crate) fn kill(mut self) {
        self.kill_now();
    }

    /// The same, for one that is to be replaced.
    pub(crate) fn kill_now(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
