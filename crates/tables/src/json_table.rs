//! JSON as tables: an object per line, an array of objects, or arrays by column. Objects within objects are columns `a.b`.

use std::collections::{BTreeSet, HashMap};

use serde_json::{Map, Value};

use crate::cells::Cells;
use crate::error::TableError;
use crate::json_value::{Told, quote_non_numbers};
use crate::table_file::{TextTable, check_columns, check_rows};
use isoflop_text::clip;

const FORMS: &str = "a line per object, an array of objects, or arrays by column, such as {\"params\": [1e8], \"tokens\": [2e9], \"loss\": [3.1]}";

/// More than that in one piece would take a GiB of memory.
const MOST_WHOLE_BYTES: usize = 64 << 20;
/// Longer names of columns are no names: keys within keys within keys.
const MOST_NAME_BYTES: usize = 1000;

/// A table in any of the forms, told by its beginning.
pub fn parse(text: &str) -> Result<TextTable, TableError> {
    let text = text.trim_start_matches('\u{feff}').trim_start();
    let first = text.lines().next().unwrap_or_default();
    let of_lines =
        !text.starts_with('[') && serde_json::from_str::<Value>(&quote_non_numbers(first)).is_ok();
    let mut table = Builder::default();
    if of_lines {
        table.add_lines(text)?;
    } else {
        let values = whole(text)?;
        match &values[..] {
            [Value::Array(rows)] => table.add_all(rows)?,
            [Value::Object(one)] if table.add_turned(one)? => {}
            _ => table.add_all(&values)?,
        }
    }
    Ok(table.finish())
}

/// A line and its number, from 0.
fn object((k, line): (usize, &str)) -> Result<Map<String, Value>, TableError> {
    let refuse = |source| TableError::Format {
        problem: format!("line {} is not a JSON object", k + 1),
        hint: "every line is one object, such as {\"params\": 1e8, \"tokens\": 2e9, \"loss\": 3.1}"
            .into(),
        source,
    };
    let told: Told = serde_json::from_str(&quote_non_numbers(line))
        .map_err(|error| refuse(Some(error.into())))?;
    if let Some(key) = told.twice {
        return Err(twice(format!("line {} has", k + 1), &key));
    }
    match told.value {
        Value::Object(object) => Ok(object),
        _ => Err(refuse(None)),
    }
}

/// Which of the two is meant is not known.
fn twice(place: String, key: &str) -> TableError {
    TableError::format(
        format!("{place} the key `{}` twice", clip(key, 60)),
        "which of the two is meant? leave the other out, or give it a name of its own",
    )
}

/// Values over several lines, one after the other.
fn whole(text: &str) -> Result<Vec<Value>, TableError> {
    if text.len() > MOST_WHOLE_BYTES {
        return Err(TableError::format(
            format!("it holds {} MiB of JSON in one piece", text.len() >> 20),
            "write an object a line (JSONL), which is read line by line",
        ));
    }
    let text = quote_non_numbers(text);
    let values = serde_json::Deserializer::from_str(&text).into_iter::<Told>();
    let values = values.map(|told| {
        let told = told.map_err(|error| TableError::Format {
            problem: "it is not JSON".into(),
            hint: FORMS.into(),
            source: Some(error.into()),
        })?;
        match told.twice {
            Some(key) => Err(twice("an object of it has".into(), &key)),
            None => Ok(told.value),
        }
    });
    values.collect()
}

/// Puts objects into columns, all keys in order of appearance.
#[derive(Default)]
struct Builder {
    header: Vec<String>,
    places: HashMap<String, usize>,
    cells: Cells,
}

impl Builder {
    /// One object a line, read one after the other: a long table of values would take ten times its text.
    fn add_lines(&mut self, text: &str) -> Result<(), TableError> {
        let mut lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
        let first = lines.next().map(object).transpose()?.unwrap_or_default();
        let Some(second) = lines.next() else {
            if !self.add_turned(&first)? {
                self.add(&first)?;
            }
            return Ok(());
        };
        self.add(&first)?;
        for line in std::iter::once(second).chain(lines) {
            check_rows(self.cells.len() + 1)?;
            self.add(&object(line)?)?;
        }
        Ok(())
    }

    fn add_all(&mut self, rows: &[Value]) -> Result<(), TableError> {
        for (k, row) in rows.iter().enumerate() {
            let Value::Object(object) = row else {
                return Err(TableError::format(
                    format!("entry {} is not a JSON object", k + 1),
                    FORMS,
                ));
            };
            self.add(object)?;
        }
        Ok(())
    }

    /// Rows of one object that holds a whole table: `{"columns": [..], "data": [[..]]}`, `{"a": [..]}`, `{"a": {"0": ..}}`,
    /// `{"0": {"a": ..}}`, `{"runs": [{"a": ..}]}` or, by names of runs, `{"run-1": {"a": ..}}`; false where it is one row.
    fn add_turned(&mut self, one: &Map<String, Value>) -> Result<bool, TableError> {
        if let (Some(Value::Array(names)), Some(Value::Array(data))) =
            (one.get("columns"), one.get("data"))
        {
            self.add_split(names, data)?;
            return Ok(true);
        }
        let columns: Vec<(&String, &Value)> = one.iter().collect();
        if let [(_, Value::Array(rows))] = columns[..]
            && !rows.is_empty()
            && rows.iter().all(Value::is_object)
        {
            self.add_all(rows)?;
            return Ok(true);
        }
        if columns.len() < 2 {
            return Ok(false);
        }
        if columns.iter().all(|(_, v)| v.is_array()) {
            let length = |v: &Value| v.as_array().map_or(0, Vec::len);
            let rows = length(columns[0].1);
            if let Some((name, other)) = columns.iter().find(|(_, v)| length(v) != rows) {
                return Err(TableError::format(
                    format!(
                        "column `{}` has {} entries, and `{}` has {rows}",
                        clip(name, 40),
                        length(other),
                        clip(columns[0].0, 40)
                    ),
                    "give every column as many",
                ));
            }
            for k in 0..rows {
                for (name, column) in &columns {
                    self.put(name, &column[k])?;
                }
                self.cells.end_row();
            }
            return Ok(true);
        }
        let objects: Option<Vec<(&String, &Map<String, Value>)>> =
            columns.iter().map(|(name, v)| Some((*name, v.as_object()?))).collect();
        let Some(objects) = objects else { return Ok(false) };
        // By rows: numbers, then columns. By columns: the other way round.
        if let Some(rows) = by_number(objects.iter().copied()) {
            for object in rows {
                self.add(object)?;
            }
            return Ok(true);
        }
        let first = objects[0].1.keys().map(|key| (key, ()));
        if by_number(first).is_none_or(|keys| keys.is_empty()) {
            return self.add_named(&objects);
        }
        let mut keys: Vec<&String> = objects[0].1.keys().collect();
        keys.sort_by_key(|key| key.parse::<u64>().unwrap_or(0));
        for key in keys {
            for (name, column) in &objects {
                if let Some(value) = column.get(key) {
                    self.put(name, value)?;
                }
            }
            self.cells.end_row();
        }
        Ok(true)
    }

    /// Rows by the names of runs, where all have the same keys and no objects within.
    fn add_named(&mut self, rows: &[(&String, &Map<String, Value>)]) -> Result<bool, TableError> {
        let keys = |row: &Map<String, Value>| row.keys().cloned().collect::<BTreeSet<_>>();
        let first = keys(rows[0].1);
        let alike = rows.iter().all(|(_, row)| keys(row) == first);
        if first.is_empty() || !alike || rows.iter().any(|(_, r)| r.values().any(Value::is_object))
        {
            return Ok(false);
        }
        for (name, row) in rows {
            if !first.contains("run") {
                self.put("run", &Value::String((*name).clone()))?;
            }
            self.add(row)?;
        }
        Ok(true)
    }

    fn add_split(&mut self, names: &[Value], data: &[Value]) -> Result<(), TableError> {
        let names: Option<Vec<&str>> = names.iter().map(Value::as_str).collect();
        for row in data {
            let cells = row.as_array();
            let (Some(names), Some(cells)) =
                (&names, cells.filter(|cells| Some(cells.len()) == names.as_ref().map(Vec::len)))
            else {
                return Err(TableError::format(
                    "`data` has rows of another length than `columns`",
                    FORMS,
                ));
            };
            for (name, cell) in names.iter().zip(cells) {
                self.put(name, cell)?;
            }
            self.cells.end_row();
        }
        Ok(())
    }

    fn add(&mut self, object: &Map<String, Value>) -> Result<(), TableError> {
        for (key, value) in object {
            self.put(key, value)?;
        }
        self.cells.end_row();
        Ok(())
    }

    fn put(&mut self, name: &str, value: &Value) -> Result<(), TableError> {
        if name.len() > MOST_NAME_BYTES {
            return Err(TableError::column(
                format!("the name of a column has {} characters: `{}`", name.len(), clip(name, 60)),
                "give columns names of up to 1,000 characters",
            ));
        }
        let cell = match value {
            Value::Object(within) => {
                for (key, value) in within {
                    self.put(&format!("{name}.{key}"), value)?;
                }
                return Ok(());
            }
            // A curve, for instance: no cell of a table.
            Value::Array(_) => return Ok(()),
            Value::Null => "",
            Value::String(text) => text,
            other => &other.to_string(),
        };
        let at = match self.places.get(name) {
            Some(at) => *at,
            None => {
                check_columns(self.header.len() + 1)?;
                self.header.push(name.to_owned());
                self.places.insert(name.to_owned(), self.header.len() - 1);
                self.header.len() - 1
            }
        };
        self.cells.push(at, cell);
        Ok(())
    }

    fn finish(self) -> TextTable {
        TextTable { header: self.header, cells: self.cells }
    }
}

/// Values in the order of their keys, where these are all numbers.
fn by_number<'a, T>(entries: impl Iterator<Item = (&'a String, T)>) -> Option<Vec<T>> {
    let numbered = entries.map(|(key, value)| Some((key.parse::<u64>().ok()?, value)));
    let mut all: Vec<(u64, T)> = numbered.collect::<Option<_>>()?;
    all.sort_by_key(|(number, _)| *number);
    Some(all.into_iter().map(|(_, value)| value).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(table: &TextTable, row: usize, name: &str) -> String {
        table.cells.row(row).cell(table.find(name).unwrap().unwrap()).to_owned()
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
            "{\"runs\": [{\"a\": 1, \"b\": {\"c\": 2}}, {\"a\": 3, \"b.c\": 4}]}",
            "{\"one\": {\"a\": 1, \"b.c\": 2}, \"two\": {\"a\": 3, \"b.c\": 4}}",
            "{\"columns\": [\"a\", \"b.c\"], \"index\": [0, 1], \"data\": [[1, 2], [3, 4]]}",
        ] {
            let table = parse(text).unwrap();
            assert_eq!(table.cells.len(), 2, "{text}");
            for (row, name, wanted) in
                [(0, "a", "1"), (0, "b.c", "2"), (1, "a", "3"), (1, "b.c", "4")]
            {
                assert_eq!(cell(&table, row, name), wanted, "{text}");
            }
        }
        let named = parse("{\"one\": {\"a\": 1}, \"two\": {\"a\": 3}}").unwrap();
        assert_eq!([0, 1].map(|row| cell(&named, row, "run")), ["one", "two"]);
        for broken in ["[1, 2]", "[{\"a\": 1}", "{\"a\": [1], \"b\": [1, 2]}"] {
            let error = parse(broken).unwrap_err().to_string();
            assert!(error.contains("hint: "), "{error}");
        }
    }
}
