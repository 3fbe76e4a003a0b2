//! `daybook import`: streams a file through the bulk endpoint, in order, safe to repeat.

mod answer;
mod client;
mod progress;

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use self::answer::{Outcome, Rejection, Tally};
use self::client::Client;
use self::progress::Progress;
use super::{DataDirArg, given, runtime, say};
use crate::data_dir::DataDir;
use crate::failure::Failure;
use crate::import::{Batch, Items};

/// Well below what one request may hold (10,000 items, 16 MiB), so that progress is seen and an
/// answer that is lost costs little to ask for again.
const BATCH_ITEMS_MAX: usize = 1_000;
const BATCH_BYTES_MAX: usize = 4 << 20;
/// How many rejected lines are printed; the rest is counted.
const REJECTIONS_SHOWN_MAX: u64 = 20;

/// The options of `import`.
#[derive(Debug, clap::Args)]
pub(super) struct ImportArgs {
    /// The file: one item of the bulk endpoint per line; `-` reads standard input
    file: PathBuf,
    /// The ledger
    #[arg(long)]
    ledger: String,
    /// Open the ledger first, if it is not there
    #[arg(long)]
    create: bool,
    /// Where the service is
    #[arg(long, env = "DAYBOOK_URL", default_value = "http://127.0.0.1:7400")]
    url: String,
    /// The token [default: the one in the data directory]
    #[arg(long, env = "DAYBOOK_TOKEN", hide_env_values = true)]
    token: Option<String>,
    #[command(flatten)]
    data_dir: DataDirArg,
    /// Makes the keys of lines that have none: NAME#LINE [default: the name of the file]
    #[arg(long)]
    name: Option<String>,
    /// How many items one request holds
    #[arg(long, default_value_t = BATCH_ITEMS_MAX, hide = true)]
    batch_items: usize,
}

/// Imports the file.
pub(super) fn run(args: &ImportArgs) -> Result<(), Failure> {
    let token = token(args)?;
    let client = Client::new(&args.url, &args.ledger, &token)?;
    let (input, size): (Box<dyn BufRead>, Option<u64>) = if args.file == Path::new("-") {
        (Box::new(BufReader::new(std::io::stdin())), None)
    } else {
        let open = || -> std::io::Result<_> {
            let file = File::open(&args.file)?;
            let size = file.metadata()?.len();
            Ok((file, size))
        };
        let (file, size) = open().map_err(|error| {
            Failure::new(format!("cannot read {}: {error}", args.file.display()))
        })?;
        (Box::new(BufReader::new(file)), Some(size))
    };
    let mut work = Work {
        items: Items::new(input, name(args)),
        progress: Progress::new(size),
        client,
        counts: Counts::default(),
        batch_items_max: args.batch_items.clamp(1, 10_000),
    };
    let sent = runtime()?.block_on(work.send_all(args.create));
    work.progress.finish();
    say(&work.counts.to_string())?;
    sent?;
    match work.counts.items.rejected {
        0 => Ok(()),
        1 => Err(Failure::new("1 line was rejected")),
        rejected => Err(Failure::new(format!("{rejected} lines were rejected"))),
    }
}

#[derive(Debug, Default)]
struct Counts {
    items: Tally,
    transactions: Tally,
    revision: Option<u64>,
}

impl std::fmt::Display for Counts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            items,
            transactions,
            revision,
        } = self;
        write!(f, "{items}")?;
        if items != transactions {
            write!(f, " (transactions: {transactions})")?;
        }
        match revision {
            Some(revision) => write!(f, ", ledger at revision {revision}"),
            None => Ok(()),
        }
    }
}

struct Work {
    items: Items<Box<dyn BufRead>>,
    progress: Progress,
    client: Client,
    counts: Counts,
    batch_items_max: usize,
}

impl Work {
    async fn send_all(&mut self, create: bool) -> Result<(), Failure> {
        if create {
            self.client.open_ledger(&self.progress).await?;
        }
        let mut batch = Batch::default();
        // A line that cannot be sent ends the import; what came before it in this request is not
        // sent either. The import can be repeated when the line is mended.
        while let Some(item) = self.items.next_item()? {
            if !batch.has_room(&item, self.batch_items_max, BATCH_BYTES_MAX) {
                self.send(std::mem::take(&mut batch)).await?;
            }
            batch.push(&item);
        }
        if batch.lines.is_empty() {
            Ok(())
        } else {
            self.send(batch).await
        }
    }

    async fn send(&mut self, batch: Batch) -> Result<(), Failure> {
        let Outcome {
            items,
            transactions,
            revision,
            rejections,
        } = self.client.send(batch, &self.progress).await?;
        let shown_before = self.counts.items.rejected;
        self.counts.items.add(items);
        self.counts.transactions.add(transactions);
        self.counts.revision = revision.or(self.counts.revision);
        for (number, rejection) in (shown_before + 1..).zip(rejections) {
            match number {
                shown if shown <= REJECTIONS_SHOWN_MAX => {
                    let Rejection { line, code, detail } = rejection;
                    self.progress
                        .print(&format!("line {line}: rejected ({code}): {detail}"));
                }
                shown if shown == REJECTIONS_SHOWN_MAX + 1 => {
                    self.progress
                        .print("more lines were rejected; only their number is shown");
                }
                _ => {}
            }
        }
        let done = self.counts.items.all();
        self.progress.moved(self.items.bytes(), done);
        Ok(())
    }
}

fn token(args: &ImportArgs) -> Result<String, Failure> {
    if let Some(token) = given(args.token.as_ref()) {
        return Ok(token.to_owned());
    }
    let missing = |why: String| {
        Failure::new(format!(
            "no token: give --token or DAYBOOK_TOKEN, or --data-dir ({why})"
        ))
    };
    let data_dir =
        DataDir::open(&args.data_dir.data_dir).map_err(|error| missing(error.to_string()))?;
    let token = std::fs::read_to_string(data_dir.token())
        .map_err(|error| missing(format!("{}: {error}", data_dir.token().display())))?;
    Ok(token.trim().to_owned())
}

fn name(args: &ImportArgs) -> String {
    let of_file = || {
        let stem = args
            .file
            .file_stem()
            .map(|stem| stem.to_string_lossy().into_owned());
        stem.filter(|stem| stem != "-")
            .unwrap_or_else(|| "stdin".to_owned())
    };
    args.name.clone().unwrap_or_else(of_file)
}
