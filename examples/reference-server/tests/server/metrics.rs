use std::io::Write as _;
use std::process::{Command, Stdio};

use http::Method;
use serde_json::Value;

use crate::support::{Call, Directory, Server, eventually};

/// Whether a program that the judges need is there; where they have to be, it is a failure if not.
fn is_there(program: &str) -> bool {
    let found = Command::new(program)
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    let there = found.is_ok_and(|status| status.success());
    if !there {
        let required =
            std::env::var_os("PORTCULLIS_REQUIRE_SERVICES").is_some_and(|value| value == "1");
        assert!(
            !required,
            "{program} is not installed, and PORTCULLIS_REQUIRE_SERVICES is 1"
        );
        eprintln!("skipped: {program} is not installed");
    }
    there
}

async fn busy_server(arguments: &[&str]) -> Server {
    let server = Server::with(arguments).await;
    let app = format!("{}/app", server.project("p").await);
    server.put(&app, "1").await;
    server.get(&app).await;
    server.get("/wp-login.php").await;
    server.put(&app, "{").await;
    server
}

#[tokio::test]
async fn the_numbers_are_by_route_and_never_by_path() {
    let server = busy_server(&["--rate-limit=1000/s"]).await;
    let scrape = server.get("/metrics").await;
    assert!(scrape.header("content-type").starts_with("text/plain"));
    let text = scrape.text();
    for line in [
        r#"http_requests_total{method="GET",route="/api/v1/projects/{project}/configs/{config}",status="200"} 1"#,
        r#"http_requests_total{method="PUT",route="/api/v1/projects/{project}/configs/{config}",status="400"} 1"#,
        r#"http_requests_total{method="GET",route="_unmatched",status="404"} 1"#,
        r#"requests_refused_total{layer="rate_limit",reason="quota_exceeded"} 0"#,
        "build_info{version=\"0.1.0\"} 1",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }
    for name in [
        "rate_limit_requests_allowed_total",
        "\ndb_connections_open ",
    ] {
        assert!(text.contains(name), "{text}");
    }
    assert!(text.contains(r#"route="/ready""#), "{text}");
    assert!(
        !text.contains("wp-login") && !text.contains("configs/app"),
        "{text}"
    );
}

#[tokio::test]
async fn promtool_finds_nothing_wrong() {
    if !is_there("promtool") {
        return;
    }
    let server = busy_server(&[]).await;
    let scrape = server.get("/metrics").await;
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    promtool
        .stdin
        .take()
        .unwrap()
        .write_all(&scrape.body)
        .unwrap();
    let verdict = promtool.wait_with_output().unwrap();
    let said = [verdict.stdout, verdict.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(verdict.status.success() && said.is_empty(), "{said}");
}

#[tokio::test]
async fn a_real_prometheus_scrapes_it() {
    if !is_there("prometheus") {
        return;
    }
    let server = busy_server(&[]).await;
    let directory = Directory::new();
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let config = directory.0.join("prometheus.yml");
    let text = format!(
        "global: {{scrape_interval: 1s}}\nscrape_configs:\n  - job_name: portcullis\n    \
         static_configs: [{{targets: ['{}']}}]\n",
        server.address()
    );
    std::fs::write(&config, text).unwrap();
    let mut prometheus = tokio::process::Command::new("prometheus")
        .arg(format!("--config.file={}", config.display()))
        .arg(format!(
            "--storage.tsdb.path={}",
            directory.0.join("data").display()
        ))
        .arg(format!("--web.listen-address={port}"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let query = async |query: &str| -> Option<String> {
        let (address, request) =
            Call::new(port, &Method::GET, &format!("/api/v1/query?query={query}"))
                .into_request(bytes::Bytes::new());
        let mut connection = crate::support::connect(address).await.ok()?;
        let answer = connection.send_request(request).await.ok()?;
        let body = http_body_util::BodyExt::collect(answer.into_body())
            .await
            .ok()?
            .to_bytes();
        let value: Value = serde_json::from_slice(&body).ok()?;
        value["data"]["result"][0]["value"][1]
            .as_str()
            .map(str::to_owned)
    };
    let up = eventually(async || query("up").await.filter(|value| value == "1"));
    assert_eq!(up.await, "1");
    let puts = eventually(async || query("sum(http_requests_total%7Bmethod=%22PUT%22%7D)").await);
    assert_eq!(puts.await, "2");
    prometheus.kill().await.unwrap();
    prometheus.wait().await.unwrap();
}
