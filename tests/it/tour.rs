//! The README's tour works as written: its blocks are taken from the page and run against a fresh
//! service.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use daybook_tests::Service;
use daybook_tests::process::{Process, Stdout};

const BOUND: Duration = Duration::from_secs(120);

/// A fenced block, with what its comments announce (`# → text`).
struct Block {
    script: String,
    announced: Vec<String>,
}

/// The bash blocks between `<!-- tour -->` and `<!-- /tour -->`.
fn blocks(page: &str) -> Vec<Block> {
    let (_, rest) = page
        .split_once("<!-- tour -->")
        .expect("the README has a tour");
    let (tour, _) = rest
        .split_once("<!-- /tour -->")
        .expect("the tour has an end");
    let mut blocks = Vec::new();
    let mut lines = tour.lines();
    while lines.by_ref().any(|line| line.trim() == "```bash") {
        let script: Vec<&str> = lines
            .by_ref()
            .take_while(|line| line.trim() != "```")
            .collect();
        let announced = script
            .iter()
            .filter_map(|line| line.split_once("# → "))
            .map(|(_, text)| text.trim().to_owned())
            .collect();
        blocks.push(Block {
            script: script.join("\n"),
            announced,
        });
    }
    blocks
}

/// The tour speaks to the default port and data directory; here they are this test's own.
fn adapted(script: &str, service: &Service) -> String {
    let address = service.base().trim_start_matches("http://");
    let token = service.setup().data().join("token");
    script
        .replace("127.0.0.1:7400", address)
        .replace("localhost:7400", address)
        .replace(".daybook/token", token.to_str().expect("a plain path"))
}

#[test]
fn the_tour_of_the_readme_works_as_written() {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
    let blocks = blocks(&std::fs::read_to_string(readme).unwrap());
    assert!(!blocks.is_empty(), "the tour has commands");
    let service = Service::start_fresh();
    let directory = service.setup().data().with_file_name("tour");
    std::fs::create_dir(&directory).unwrap();
    // One shell for all blocks, as a reader has it; `set -e` ends at the first command that fails.
    let mut script = "set -euo pipefail\n".to_owned();
    for (number, block) in blocks.iter().enumerate() {
        script.push_str(&format!(
            "exec >{number}.out\n{}\n",
            adapted(&block.script, &service)
        ));
    }
    std::fs::write(directory.join("tour.sh"), &script).unwrap();
    let mut command = service.setup().command(&[]);
    let program = command.get_program().to_owned();
    let programs = Path::new(&program).parent().unwrap().to_owned();
    command = {
        let mut bash = std::process::Command::new("bash");
        let path = std::env::var("PATH").unwrap_or_default();
        bash.arg("tour.sh")
            .current_dir(&directory)
            .stdin(Stdio::null());
        bash.env("PATH", format!("{}:{path}", programs.display()));
        bash
    };
    let log = directory.join("log");
    let status = Process::start(&command, None, &log, Stdout::Log).wait(BOUND);
    let said = std::fs::read_to_string(&log).unwrap_or_default();
    for (number, block) in blocks.iter().enumerate() {
        let out = std::fs::read_to_string(directory.join(format!("{number}.out")));
        let out = out.unwrap_or_default();
        assert!(
            status.success() || !out.is_empty(),
            "block {number} failed:\n{}\n{said}",
            block.script
        );
        for text in &block.announced {
            assert!(
                out.contains(text),
                "block {number} announces `{text}` and says:\n{out}\n{said}"
            );
        }
    }
    assert!(status.success(), "the tour ends with {status}:\n{said}");
}
