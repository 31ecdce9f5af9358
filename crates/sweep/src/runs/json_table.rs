//! JSON as tables: an object per line, an array of objects, or arrays by column. Objects within objects are columns `a.b`.

use std::collections::HashMap;

use anyhow::{Context, bail};
use isoflop::registration::sha256;
use serde_json::{Map, Value};

use super::table_file::TextTable;

const FORMS: &str = "a line per object, an array of objects, or arrays by column, such as {\"params\": [1e8], \"tokens\": [2e9], \"loss\": [3.1]}";

/// A table in any of the forms, told by its beginning.
pub fn parse(text: &str) -> anyhow::Result<TextTable> {
    let sha256 = sha256(text.as_bytes());
    let text = text.trim_start_matches('\u{feff}').trim_start();
    let first = text.lines().next().unwrap_or_default();
    let of_lines =
        !text.starts_with('[') && serde_json::from_str::<Value>(&quote_non_numbers(first)).is_ok();
    let mut values = if of_lines { lines(text)? } else { whole(text)? };
    let rows = match &mut values[..] {
        [Value::Array(rows)] => std::mem::take(rows),
        [Value::Object(one)] => match turned(one)? {
            Some(rows) => rows,
            None => values,
        },
        _ => values,
    };
    let mut table = Builder::default();
    for (k, row) in rows.into_iter().enumerate() {
        let Value::Object(object) = row else {
            bail!("entry {} is not a JSON object\nhint: {FORMS}", k + 1)
        };
        table.add(object);
    }
    Ok(table.finish(sha256))
}

fn lines(text: &str) -> anyhow::Result<Vec<Value>> {
    let mut out = Vec::new();
    for (k, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let object: Map<String, Value> = serde_json::from_str(&quote_non_numbers(line))
            .with_context(|| {
                format!(
                    "line {} is not a JSON object\nhint: every line is one object, such as {{\"params\": 1e8, \"tokens\": 2e9, \"loss\": 3.1}}",
                    k + 1
                )
            })?;
        out.push(Value::Object(object));
    }
    Ok(out)
}

/// Values over several lines, one after the other.
fn whole(text: &str) -> anyhow::Result<Vec<Value>> {
    let text = quote_non_numbers(text);
    let values = serde_json::Deserializer::from_str(&text).into_iter::<Value>();
    values.collect::<Result<_, _>>().with_context(|| format!("it is not JSON\nhint: {FORMS}"))
}

/// Rows of one object that holds a whole table: `{"columns": [..], "data": [[..]]}`, `{"a": [..]}`, `{"a": {"0": ..}}`, or
/// `{"0": {"a": ..}}`; `None` where it is one row.
fn turned(one: &mut Map<String, Value>) -> anyhow::Result<Option<Vec<Value>>> {
    if let (Some(Value::Array(names)), Some(Value::Array(data))) =
        (one.get("columns"), one.get("data"))
    {
        let row = |cells: &Value| -> Option<Value> {
            let cells = cells.as_array().filter(|cells| cells.len() == names.len())?;
            let pairs = names.iter().zip(cells);
            pairs
                .map(|(n, c)| Some((n.as_str()?.to_owned(), c.clone())))
                .collect::<Option<Map<_, _>>>()
                .map(Value::Object)
        };
        return match data.iter().map(row).collect() {
            Some(rows) => Ok(Some(rows)),
            None => bail!("`data` has rows of another length than `columns`\nhint: {FORMS}"),
        };
    }
    let columns: Vec<(&String, &Value)> = one.iter().collect();
    if columns.len() > 1 && columns.iter().all(|(_, v)| v.is_array()) {
        let length = |v: &Value| v.as_array().map_or(0, Vec::len);
        let rows = length(columns[0].1);
        if let Some((name, other)) = columns.iter().find(|(_, v)| length(v) != rows) {
            bail!(
                "column `{}` has {} entries, and `{}` has {rows}\nhint: give every column as many",
                super::clip(name, 40),
                length(other),
                super::clip(columns[0].0, 40)
            );
        }
        let row = |k: usize| {
            let cells = columns.iter().map(|(name, v)| ((*name).clone(), v[k].clone()));
            Value::Object(cells.collect())
        };
        return Ok(Some((0..rows).map(row).collect()));
    }
    if columns.len() > 1 && columns.iter().all(|(_, v)| v.is_object()) {
        let keys = |v: &Value| v.as_object().map(|o| o.keys().cloned().collect::<Vec<_>>());
        let is_number = |key: &str| key.parse::<u64>().is_ok();
        // By rows: numbers, then columns. By columns: the other way round.
        if columns.iter().all(|(name, _)| is_number(name)) {
            let mut rows: Vec<_> = columns.into_iter().collect();
            rows.sort_by_key(|(name, _)| name.parse::<u64>().unwrap_or(0));
            return Ok(Some(rows.into_iter().map(|(_, v)| v.clone()).collect()));
        }
        let first = keys(columns[0].1).unwrap_or_default();
        if !first.is_empty() && first.iter().all(|key| is_number(key)) {
            let mut first = first;
            first.sort_by_key(|key| key.parse::<u64>().unwrap_or(0));
            let row = |key: &String| {
                let cells = columns.iter().map(|(n, v)| ((*n).clone(), v.get(key).cloned()));
                Value::Object(cells.filter_map(|(n, v)| Some((n, v?))).collect())
            };
            return Ok(Some(first.iter().map(row).collect()));
        }
    }
    Ok(None)
}

/// Puts objects into columns, all keys in order of appearance.
#[derive(Default)]
struct Builder {
    header: Vec<String>,
    places: HashMap<String, usize>,
    rows: Vec<Vec<String>>,
}

impl Builder {
    fn add(&mut self, object: Map<String, Value>) {
        let mut cells = vec![String::new(); self.header.len()];
        self.fill(&mut cells, "", object);
        self.rows.push(cells);
    }

    fn fill(&mut self, cells: &mut Vec<String>, above: &str, object: Map<String, Value>) {
        for (key, value) in object {
            let name = if above.is_empty() { key } else { format!("{above}.{key}") };
            let cell = match value {
                Value::Object(within) => {
                    self.fill(cells, &name, within);
                    continue;
                }
                // A curve, for instance: no cell of a table.
                Value::Array(_) => continue,
                Value::Null => String::new(),
                Value::String(text) => text,
                other => other.to_string(),
            };
            let at = *self.places.entry(name).or_insert_with_key(|name| {
                self.header.push(name.clone());
                self.header.len() - 1
            });
            cells.resize(self.header.len().max(cells.len()), String::new());
            if cells[at].is_empty() {
                cells[at] = cell;
            }
        }
    }

    fn finish(mut self, sha256: String) -> TextTable {
        for cells in &mut self.rows {
            cells.resize(self.header.len(), String::new());
        }
        TextTable { header: self.header, rows: self.rows, sha256 }
    }
}

/// Python writes NaN and Infinity as bare words, which JSON does not know: in quotes they are cells that are no numbers.
fn quote_non_numbers(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let (mut inside, mut rest) = (false, line);
    while let Some(c) = rest.chars().next() {
        let word =
            ["NaN", "-Infinity", "Infinity"].iter().find(|w| !inside && rest.starts_with(**w));
        if let Some(word) = word {
            out += &format!("\"{word}\"");
            rest = &rest[word.len()..];
            continue;
        }
        let escaped = inside && c == '\\';
        inside ^= c == '"';
        let next = if escaped {
            rest.char_indices().nth(2).map_or(rest.len(), |n| n.0)
        } else {
            c.len_utf8()
        };
        out += &rest[..next];
        rest = &rest[next..];
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(table: &TextTable, row: usize, name: &str) -> String {
        table.rows[row][table.find(name).unwrap().unwrap()].clone()
    }

    #[test]
    fn json_lines_keep_order_and_digits() {
        let text = "{\"run\":\"x\",\"loss\":3.1234567890123457}\n\n{\"loss\":null,\"n\":12}\n";
        let table = parse(text).unwrap();
        let mut header = table.header.clone();
        header.sort();
        assert_eq!(header, ["loss", "n", "run"]);
        assert_eq!(cell(&table, 0, "loss"), "3.1234567890123457");
        assert_eq!(cell(&table, 1, "loss"), "");
        assert!(parse("3\n").unwrap_err().to_string().contains("\nhint: "));
        let python = "{\"run\": \"a NaN \\\" b\", \"loss\": NaN, \"n\": -Infinity}\n";
        let table = parse(python).unwrap();
        assert_eq!(
            ["run", "loss", "n"].map(|name| cell(&table, 0, name)),
            ["a NaN \" b", "NaN", "-Infinity"]
        );
    }

    #[test]
    fn every_way_of_writing_a_table_is_read() {
        for text in [
            "[\n {\"a\": 1,\n \"b\": {\"c\": 2}},\n {\"a\": 3, \"b\": {\"c\": 4}}]",
            "[{\"a\":1,\"b\":{\"c\":2}},{\"a\":3,\"b.c\":4}]",
            "{\n \"a\": 1, \"b\": {\"c\": 2}}\n{\"a\": 3,\n\"b\": {\"c\": 4, \"d\": [1, 2]}}",
            "{\"a\": [1, 3], \"b.c\": [2, 4]}",
            "{\"a\": {\"0\": 1, \"1\": 3}, \"b.c\": {\"0\": 2, \"1\": 4}}",
            "{\"0\": {\"a\": 1, \"b\": {\"c\": 2}}, \"1\": {\"a\": 3, \"b\": {\"c\": 4}}}",
            "{\"columns\": [\"a\", \"b.c\"], \"index\": [0, 1], \"data\": [[1, 2], [3, 4]]}",
        ] {
            let table = parse(text).unwrap();
            assert_eq!(table.rows.len(), 2, "{text}");
            for (row, name, wanted) in
                [(0, "a", "1"), (0, "b.c", "2"), (1, "a", "3"), (1, "b.c", "4")]
            {
                assert_eq!(cell(&table, row, name), wanted, "{text}");
            }
        }
        for broken in ["[1, 2]", "[{\"a\": 1}", "{\"a\": [1], \"b\": [1, 2]}"] {
            let error = format!("{:#}", parse(broken).unwrap_err());
            assert!(error.contains("hint: "), "{error}");
        }
    }
}
