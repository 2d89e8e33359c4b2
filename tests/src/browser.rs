//! Chromium without a window: pages are opened, asked and looked at by its DevTools protocol, over two pipes and no port.

use base64::Engine;
use base64::prelude::BASE64_STANDARD as BASE64;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// What Chromium is called where it is installed. The environment variable `CHROMIUM` names another.
const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "chrome"];

/// The protocol comes and goes by the descriptors 3 and 4, which no safe Rust can prepare; a shell can.
const PIPES: &str = "exec \"$0\" \"$@\" 3<&0 4>&1 1>&2";

/// One page of a browser of its own, until it is dropped.
pub struct Browser {
    process: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    profile: PathBuf,
    session: Option<String>,
    next: u64,
    complaints: Vec<String>,
}

impl Browser {
    /// The Chromium of this machine; none when there is none, and then a claim about pages has nothing to say. `cargo xtask test`
    /// tells, and under CI installs it first.
    pub fn path() -> Option<PathBuf> {
        let named = std::env::var_os("CHROMIUM").map(PathBuf::from);
        let folders = std::env::var_os("PATH").unwrap_or_default();
        let mut installed =
            std::env::split_paths(&folders).flat_map(|folder| NAMES.map(|name| folder.join(name)));
        named.or_else(|| installed.find(|path| path.is_file()))
    }

    /// Starts it, with an empty page. It reaches nothing but this machine, and leaves nothing behind.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn start(path: PathBuf) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let nth = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("urlfetch-browser-{}-{nth}", std::process::id());
        let profile = std::env::temp_dir().join(name);
        let mut process = Command::new("sh")
            .args(["-c", PIPES])
            .arg(path)
            .args(["--headless", "--remote-debugging-pipe"])
            // It sees no page but ours, and in a container its own sandbox does not start.
            .args(["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"])
            .args(["--no-first-run", "--disable-background-networking"])
            .args(["--disable-component-update", "--disable-extensions"])
            .args(["--no-proxy-server", "--hide-scrollbars"])
            .arg("--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1")
            .arg(format!("--user-data-dir={}", profile.display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("Chromium starts");
        let mut browser = Browser {
            to: process.stdin.take().expect("a pipe"),
            from: BufReader::new(process.stdout.take().expect("a pipe")),
            process,
            profile,
            session: None,
            next: 0,
            complaints: Vec::new(),
        };
        let page = browser
            .call("Target.createTarget", json!({"url": "about:blank"}))
            .await;
        let attach = json!({"targetId": page["targetId"], "flatten": true});
        let session = browser.call("Target.attachToTarget", attach).await;
        browser.session = session["sessionId"].as_str().map(str::to_owned);
        for domain in ["Page", "Runtime", "Log"] {
            browser.call(&format!("{domain}.enable"), json!({})).await;
        }
        browser
    }

    /// Goes to a page. What it says is there is found by [`Browser::until`].
    pub async fn open(&mut self, url: &str) {
        let went = self.call("Page.navigate", json!({ "url": url })).await;
        assert_eq!(went["errorText"], Value::Null, "{url}");
    }

    /// The value of an expression in the page.
    ///
    /// # Panics
    /// When it throws.
    pub async fn eval(&mut self, expression: &str) -> Value {
        let asked = json!({
            "expression": expression,
            "awaitPromise": true,
            "returnByValue": true,
            "userGesture": true,
        });
        let answer = self.call("Runtime.evaluate", asked).await;
        let thrown = &answer["exceptionDetails"];
        assert!(thrown.is_null(), "{expression}: {thrown}");
        answer["result"]["value"].clone()
    }

    /// The value of an expression, once it is something. A page that is not there yet is nothing.
    pub async fn until(&mut self, expression: &str) -> Value {
        // What is never so is the last of these in the output of the claim.
        println!("until {expression}");
        let look = format!(
            "(() => {{ try {{ return ({expression}) || null; }} catch {{ return null; }} }})()"
        );
        loop {
            // Not by a promise of the page's own timer: one that was begun while a dialog closed was at times never told.
            let asked = json!({"expression": look, "returnByValue": true});
            let answer = self.call("Runtime.evaluate", asked).await;
            if answer["exceptionDetails"].is_null() && !answer["result"]["value"].is_null() {
                return answer["result"]["value"].clone();
            }
        }
    }

    /// Types a key: `Enter`, `Escape`, `ArrowDown`, `Tab`, or a character.
    pub async fn press(&mut self, key: &str) {
        let (code, text) = match key {
            "Enter" => (13, "\r"),
            "Escape" => (27, ""),
            "ArrowDown" => (40, ""),
            "ArrowUp" => (38, ""),
            "Tab" => (9, ""),
            _ => (0, key),
        };
        for kind in ["keyDown", "keyUp"] {
            let text = if kind == "keyDown" { text } else { "" };
            let event =
                json!({"type": kind, "key": key, "windowsVirtualKeyCode": code, "text": text});
            self.call("Input.dispatchKeyEvent", event).await;
        }
    }

    /// How large the page is, and whether its reader likes it dark.
    pub async fn look(&mut self, width: u32, height: u32, dark: bool) {
        let size =
            json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.call("Emulation.setDeviceMetricsOverride", size).await;
        let scheme = if dark { "dark" } else { "light" };
        let features = json!([{"name": "prefers-color-scheme", "value": scheme}]);
        self.call("Emulation.setEmulatedMedia", json!({"features": features}))
            .await;
    }

    /// What it looks like: a PNG.
    pub async fn screenshot(&mut self) -> Vec<u8> {
        let shot = self.call("Page.captureScreenshot", json!({})).await;
        let data = shot["data"].as_str().expect("a picture");
        BASE64.decode(data).expect("in base64")
    }

    /// Ends it and waits until it has ended. Dropping it kills it, which may leave some of its files behind.
    pub async fn close(mut self) {
        // It belongs to the browser, not to the page.
        self.session = None;
        self.call("Browser.close", json!({})).await;
        let _ = self.process.wait().await;
    }

    /// What the browser had to complain of so far: scripts that failed, files that did not come, what a policy forbade.
    pub fn complaints(&self) -> &[String] {
        &self.complaints
    }

    /// Calls a method of the protocol and waits for its result.
    async fn call(&mut self, method: &str, params: Value) -> Value {
        self.next += 1;
        let id = self.next;
        let mut message = json!({"id": id, "method": method, "params": params});
        if let Some(session) = &self.session {
            message["sessionId"] = session.as_str().into();
        }
        let mut bytes = message.to_string().into_bytes();
        bytes.push(0);
        self.to.write_all(&bytes).await.expect("Chromium listens");
        loop {
            let mut bytes = Vec::new();
            let read = self.from.read_until(0, &mut bytes).await;
            assert!(read.expect("Chromium speaks") > 0, "Chromium has ended");
            bytes.pop();
            let heard: Value = serde_json::from_slice(&bytes).expect("it speaks JSON");
            if heard["id"] == id {
                assert!(heard["error"].is_null(), "{method}: {}", heard["error"]);
                return heard["result"].clone();
            }
            self.note(&heard);
        }
    }

    fn note(&mut self, event: &Value) {
        let params = &event["params"];
        let complaint = match event["method"].as_str() {
            Some("Log.entryAdded") if params["entry"]["level"] == "error" => &params["entry"],
            Some("Runtime.exceptionThrown") => &params["exceptionDetails"],
            Some("Runtime.consoleAPICalled") if params["type"] == "error" => params,
            _ => return,
        };
        self.complaints.push(complaint.to_string());
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Its profile is its own until it has ended.
        let _ = self.process.start_kill();
        while matches!(self.process.try_wait(), Ok(None)) {
            std::thread::yield_now();
        }
        let _ = std::fs::remove_dir_all(&self.profile);
    }
}
