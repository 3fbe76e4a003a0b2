//! 28,205 real bank transactions through HTTP: every balance must be the bank's own.

use std::collections::HashMap;

use daybook_tests::berka::Berka;
use daybook_tests::{Client, Service, all_pages, caught_up};
use serde_json::Value;

const LEDGER: &str = "berka";
/// What the data's README says must come out, in minor units.
const CUSTOMERS: i64 = 3_657_591_290;
const TOTAL: &str = "3662594270";
const BANK: &[(&str, &str, &str)] = &[
    ("assets:cash", "1616536150", "0"),
    ("assets:interbank", "1964971830", "0"),
    ("expenses:interest", "81086290", "0"),
    ("income:fees", "0", "4992160"),
    ("income:penalty-interest", "0", "7500"),
    ("income:rounding", "0", "3320"),
];

#[tokio::test(flavor = "multi_thread")]
async fn every_balance_of_the_imported_year_is_the_banks_own() {
    let Some(berka) = Berka::find() else { return };
    let service = Service::start_fresh();
    let client = service.client();
    client.open_ledger(LEDGER).await;

    let start = std::time::Instant::now();
    import(&service, &berka);
    eprintln!("imported in {:?}", start.elapsed());
    let items = berka.accounts().len() + berka.rows.len();
    let last = u64::try_from(items).unwrap();
    let ledger = caught_up(&client, LEDGER, last).await;
    assert_eq!(ledger["revision"], last);
    assert_eq!(ledger["transactions"], 28_205);
    assert_eq!(ledger["accounts"], berka.accounts().len());

    every_customer_has_the_banks_balance(&client, &berka, last).await;
    every_running_balance_is_the_banks(&client, &berka, last).await;
    the_trial_balance_has_the_totals_of_the_readme(&client, last).await;

    let again = import(&service, &berka);
    let expected = format!("applied 0, replayed {items}, rejected 0");
    assert!(again.contains(&expected), "with the accounts: {again}");
    let expected = "(transactions: applied 0, replayed 28205, rejected 0)";
    assert!(again.contains(expected), "{again}");
    let after = client
        .get(&format!("/v1/ledgers/{LEDGER}"))
        .await
        .expect(200);
    assert_eq!(after["revision"], last, "a second import changes nothing");

    let (clean, said) = service.audit();
    assert!(clean, "{said}");
}

/// Runs `daybook import`; gives what it said.
fn import(service: &Service, berka: &Berka) -> String {
    let file = service.setup().data().with_file_name("berka.ndjson");
    std::fs::write(&file, berka.ndjson()).unwrap();
    let output = service
        .setup()
        .command(&["import", "--ledger", LEDGER, "--url", service.base()])
        .arg(&file)
        .env("DAYBOOK_TOKEN", service.token())
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    assert!(output.status.success(), "{said}");
    said
}

async fn every_customer_has_the_banks_balance(client: &Client, berka: &Berka, last: u64) {
    let path = format!("/v1/ledgers/{LEDGER}/accounts?prefix=liabilities:customers");
    let accounts = all_pages(client, &path, last).await;
    assert_eq!(accounts.len(), berka.balances.len());
    let mut sum = 0;
    for account in &accounts {
        let id = account["account"].as_str().unwrap();
        let posted = minor(&account["balances"]["CZK"]["posted"]);
        assert_eq!(posted, berka.balances[id], "{id}");
        sum += posted;
    }
    assert_eq!(sum, CUSTOMERS);
}

async fn every_running_balance_is_the_banks(client: &Client, berka: &Berka, last: u64) {
    let mut banks: HashMap<&str, Vec<(String, i64)>> = HashMap::new();
    for row in &berka.rows {
        let rows = banks.entry(&row.customer).or_default();
        rows.push((row.id().to_string(), row.balance));
    }
    for (customer, wanted) in banks {
        let path = format!("/v1/ledgers/{LEDGER}/accounts/{customer}/entries?order=asc");
        let mut ours: Vec<(String, i64)> = Vec::new();
        for entry in all_pages(client, &path, last).await {
            let id = entry["transaction_id"].as_str().unwrap().to_owned();
            let balance = minor(&entry["balance"]["posted"]);
            // A rounded transaction has two entries of the customer: the last one counts.
            match ours.last_mut() {
                Some(before) if before.0 == id => before.1 = balance,
                _ => ours.push((id, balance)),
            }
        }
        assert_eq!(ours, wanted, "{customer}");
    }
}

async fn the_trial_balance_has_the_totals_of_the_readme(client: &Client, last: u64) {
    let path = format!("/v1/ledgers/{LEDGER}/reports/trial-balance");
    let report = client.get_at(&path, last).await.expect(200);
    assert_eq!(report["totals"]["CZK"]["debit"], TOTAL);
    assert_eq!(report["totals"]["CZK"]["credit"], TOTAL);
    let rows = report["accounts"].as_array().unwrap();
    let bank: Vec<(&str, &str, &str)> = rows
        .iter()
        .map(|row| ["account", "debit", "credit"].map(|name| row[name].as_str().unwrap()))
        .map(|[account, debit, credit]| (account, debit, credit))
        .filter(|(account, ..)| !account.starts_with("liabilities:"))
        .collect();
    assert_eq!(bank, BANK);
}

fn minor(value: &Value) -> i64 {
    value.as_str().unwrap().parse().unwrap()
}
