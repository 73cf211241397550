use std::process::Output;

use crate::support::{Directory, command};

async fn run(arguments: &[&str], variables: &[(&str, &str)]) -> (Option<i32>, String, String) {
    let mut command = command(arguments.iter().copied());
    command
        .env("HOME", "/nonexistent")
        .envs(variables.iter().copied());
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().await.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code(), text(stdout), text(stderr))
}

#[tokio::test]
async fn right_settings_are_said_to_be_right_and_nothing_else_happens() {
    let directory = Directory::new();
    let (code, out, err) = run(&["--check-config", &directory.database()], &[]).await;
    assert_eq!(
        (code, out.as_str(), err.as_str()),
        (Some(0), "the settings are right\n", "")
    );
    assert_eq!(std::fs::read_dir(&directory.0).unwrap().count(), 0);
}

#[tokio::test]
async fn wrong_settings_are_told_all_at_once_and_nothing_starts() {
    for arguments in [&["--check-config"][..], &[], &["healthcheck"]] {
        let variables = [
            ("PORTCULLIS_LISTN", "127.0.0.1:0"),
            ("PORTCULLIS_HTTPS", "on"),
            ("PORTCULLIS_REDIS_URL", "redis://:hunter2@h"),
        ];
        let (code, out, err) = run(arguments, &variables).await;
        assert_eq!((code, out.as_str()), (Some(2), ""), "{arguments:?}");
        let mut lines: Vec<_> = err.lines().collect();
        lines.sort_unstable();
        assert_eq!(
            lines,
            [
                "error: PORTCULLIS_HTTPS: it has to be `off`, `redirect` or `require`",
                "error: PORTCULLIS_LISTN is not a setting; is PORTCULLIS_LISTEN meant?",
                "error: PORTCULLIS_REDIS_URL is not supported by this version yet",
            ]
        );
    }
    let (code, _, err) = run(&["--lissten", "x"], &[]).await;
    assert_eq!(code, Some(2));
    assert!(err.contains("--listen"), "{err}");
}

#[tokio::test]
async fn production_without_a_strong_secret_ends_with_one_sentence() {
    let make_one = "make a strong one with `openssl rand -base64 48`";
    let name = "PORTCULLIS_TOKEN_SECRET";
    for (variables, sentence) in [
        (
            &[][..],
            format!("error: {name} is missing, and production needs it; {make_one}\n"),
        ),
        (
            &[(name, "changeme-changeme-changeme-changeme")],
            format!("error: {name} is too weak: it is made of words; {make_one}\n"),
        ),
    ] {
        for arguments in [
            &["--env=production"][..],
            &["--env=production", "--check-config"],
        ] {
            let (code, out, err) = run(arguments, variables).await;
            assert_eq!(
                (code, out.as_str(), err.as_str()),
                (Some(2), "", &*sentence)
            );
        }
    }
}

#[tokio::test]
async fn the_readme_lists_every_setting_as_the_help_does() {
    let (code, help, _) = run(&["--help"], &[]).await;
    assert_eq!(code, Some(0));
    let readme = include_str!("../../README.md");
    let is_row = |line: &&str| line.starts_with("| `--") || line.starts_with("| none |");
    let rows = readme.lines().filter(is_row);
    // The help is wrapped to the terminal's width; its words are the same.
    let words = |text: &str| {
        text.split_whitespace()
            .map(str::to_owned)
            .collect::<Vec<_>>()
            .join(" ")
    };
    let help = words(&help);
    let mut listed = 0;
    for row in rows {
        let cells: Vec<_> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        let [flag, variable, default, meaning] = cells[..] else {
            panic!("{row}");
        };
        let code = |cell: &str| cell.trim_matches('`').to_owned();
        let flag = if flag == "none" { "" } else { flag };
        let entry = format!(
            "{} {meaning} [env: {}] [default: {}]",
            code(flag),
            code(variable),
            default
                .strip_prefix('`')
                .map_or(default, |rest| rest.trim_end_matches('`')),
        );
        assert!(
            help.contains(&words(&entry)),
            "the help does not have: {entry}\n{help}"
        );
        listed += 1;
    }
    assert_eq!(
        listed,
        help.matches("[env: PORTCULLIS_").count(),
        "the README does not list all"
    );
}
