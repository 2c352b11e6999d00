//! The pool as a table.

use crate::pool::{Pool, Server};
use crate::style::Style;

/// The heads of the columns but the last one.
const HEADS: [&str; 6] = ["server", "instance", "state", "meetings", "people", "draining"];

/// The pool as a table, one line a server.
pub(crate) fn table(pool: &Pool, style: Style) -> String {
    let group = &pool.group;
    let count = |count: Option<u32>| count.map_or_else(|| "?".to_owned(), |count| count.to_string());
    let size = if group.absent {
        format!("{}: there is no such group", group.name)
    } else {
        format!("{}: {} wanted, {} to {}", group.name, count(group.desired), count(group.min), count(group.max))
    };
    let mut text = format!("{}\n", style.strong(&size));
    if pool.servers.is_empty() {
        text.push_str("no server\n");
        return text;
    }
    let rows: Vec<[String; 6]> = pool.servers.iter().map(|server| cells(server, pool.at)).collect();
    let widths: Vec<usize> = (0..HEADS.len())
        .map(|column| {
            rows.iter().map(|row| row[column].chars().count()).chain([HEADS[column].len()]).max().unwrap_or_default()
        })
        .collect();
    let line = |cells: &[String]| -> String {
        cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}  ")).collect()
    };
    let heads = HEADS.map(str::to_owned);
    text.push_str(&format!("{}\n", style.faint(&format!("{}why", line(&heads)))));
    for (row, server) in rows.iter().zip(&pool.servers) {
        let cells = line(row);
        let painted = match server.state.as_str() {
            "serving" => style.good(&cells),
            "unreachable" | "unknown" => style.bad(&cells),
            "draining" | "finishing" | "retained" | "cordoned" => style.warning(&cells),
            _ => cells,
        };
        text.push_str(&format!("{painted}{}\n", server.reason));
    }
    text
}

fn cells(server: &Server, now: i64) -> [String; 6] {
    let dash = || "-".to_owned();
    let host = server.name.as_deref().map(|name| name.split('.').next().unwrap_or(name).to_owned());
    let load = server.load();
    [
        host.unwrap_or_else(dash),
        server.instance.clone().unwrap_or_else(dash),
        server.state.clone(),
        load.map_or_else(dash, |load| load.meetings.to_string()),
        load.map_or_else(dash, |load| load.participants.to_string()),
        server.since.map_or_else(dash, |since| age(now.saturating_sub(since).try_into().unwrap_or_default())),
    ]
}

/// A length of time in its two largest units.
pub(crate) fn age(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min", seconds / 60),
        3600..86_400 => format!("{} h {:02} min", seconds / 3600, seconds / 60 % 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds / 3600 % 24),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::pool::{Group, Load};
    use crate::style;

    #[test]
    fn a_line_a_server() {
        let group =
            Group { name: "bbb-servers".to_owned(), desired: Some(2), min: Some(1), max: Some(4), absent: false };
        let serving = Server {
            instance: Some("i-1".to_owned()),
            name: Some("vc-1.example.org".to_owned()),
            state: "serving".to_owned(),
            reason: "It gets meetings.".to_owned(),
            load: Some(Load { meetings: 3, participants: 40 }),
            ..Server::default()
        };
        let draining = Server {
            state: "draining".to_owned(),
            since: Some(100),
            kept_by: json!({"meetings": {"meetings": 1, "participants": 2}}),
            reason: "It waits.".to_owned(),
            ..Server::default()
        };
        let pool = Pool { group, at: 4000, servers: vec![serving, draining], ..Pool::default() };
        assert_eq!(
            table(&pool, style::plain()),
            "bbb-servers: 2 wanted, 1 to 4\n\
             server  instance  state     meetings  people  draining    why\n\
             vc-1    i-1       serving   3         40      -           It gets meetings.\n\
             -       -         draining  1         2       1 h 05 min  It waits.\n"
        );
    }

    #[test]
    fn ages_have_two_units() {
        assert_eq!([59, 61, 3600, 90_000].map(age), ["59 s", "1 min", "1 h 00 min", "1 d 1 h"]);
    }
}
