//! Configurations that are broken or hostile: each is refused with its place and a hint, or read as it is meant.

use isoflop_plan::Config;

/// With a grid, where the text has none.
fn told(text: &str) -> Result<Config, String> {
    let grid = if text.contains("[grid]") { "" } else { "[grid]\nbudgets = [1e12]\n" };
    Config::parse(&format!("{text}\n{grid}"), "a.toml").map_err(|error| error.to_string())
}

#[test]
fn what_is_broken_is_refused_with_its_place() {
    let cases = [
        // No TOML.
        ("\0\0\0", "a.toml:1"),
        ("[study", "a.toml:1"),
        ("[]", "a.toml:1"),
        ("[study]]", "a.toml:1"),
        ("[[study]]\nname = \"a\"", "`study`"),
        ("study = 3", "`study`"),
        ("= 3", "a.toml:1"),
        ("[study]\nname", "a.toml:2"),
        ("[study]\nname =", "a.toml:2"),
        ("[study]\nname = a", "a.toml:2"),
        ("[study]\nname = 'a", "a.toml:2"),
        ("[study]\nname = \"a", "a.toml:2"),
        ("[study]\nname = \"a\\q\"", "a.toml:2"),
        ("[study]\nname = \"\\ud800\"", "a.toml:2"),
        ("[study]\nname = \"\u{1}\"", "a.toml:2"),
        ("[study]\nname = \"a\" \"b\"", "a.toml:2"),
        ("[study]\nname = \"a\"\nname = \"b\"", "a.toml:3"),
        ("[study]\n[study]", "a.toml:2"),
        ("[study]\nname.first = \"a\"", "`study.name`"),
        ("{\"study\": {\"name\": \"a\"}}", "a.toml:1"),
        ("study:\n  name: a", "a.toml:1"),
        ("[data]\nseed = 1_", "a.toml:2"),
        ("[data]\nseed = 01", "a.toml:2"),
        ("[data]\nseed = 0x", "a.toml:2"),
        ("[data]\nseed = 1e", "a.toml:2"),
        ("[data]\nseed = 2026-13-45", "a.toml:2"),
        ("[data] # \u{1b}[31m\nseed = 1", "a.toml:1:10"),
        // Names.
        ("[study]\nname = \"\"", "`study.name`"),
        ("[study]\nname = \" \"", "`study.name`"),
        ("[study]\nname = \".\"", "write `name = \"quickstart\"`; `results` names the folder"),
        ("[study]\nname = \"..\"", "write `name = \"quickstart\"`; `results` names the folder"),
        ("[study]\nname = \"...\"", "write `name = \"quickstart\"`"),
        ("[study]\nname = \".hidden\"", "write `name = \"hidden\"`"),
        ("[study]\nname = \"a/b\"", "write `name = \"a-b\"`; `results` names the folder"),
        ("[study]\nname = \"../a\"", "`results` names the folder"),
        ("[study]\nname = \"/etc\"", "`results` names the folder"),
        ("[study]\nname = 'a\\b'", "`results` names the folder"),
        ("[study]\nname = \"a\\nb\"", "write `name = \"a-b\"`"),
        ("[study]\nname = \"\\u001b[31m\"", "write `name = \"--31m\"`"),
        ("[study]\nname = \"é\"", "letters, digits"),
        ("[study]\nname = 3", "found 3"),
        ("[study]\nname = [\"a\"]", "found a list of 1"),
        ("[study]\nname = {}", "found a table"),
        ("[study]\nresults = \"\"", "`study.results`"),
        ("[study]\nresults = 1979-05-27", "the date 1979-05-27"),
        // Numbers.
        ("[data]\nseed = -1", "a whole number from 0, found -1"),
        ("[data]\nseed = 1.5", "found 1.5"),
        ("[data]\nseed = nan", "found nan"),
        ("[data]\nseed = inf", "the largest whole number in TOML is 9223372036854775807"),
        (
            "[data]\nseed = 9223372036854775808",
            "the largest whole number in TOML is 9223372036854775807",
        ),
        ("[data]\nseed = 99999999999999999999999999999999999999999999", "9223372036854775807"),
        ("[data]\nseed = 0xffffffffffffffff", "9223372036854775807"),
        ("[data]\nseed = 1e16", "9007199254740992 where it is written with a point"),
        ("[data]\nseed = -99999999999999999999", "a whole number from 0"),
        ("[data]\nseed = \"1\"", "found \"1\""),
        ("[data]\nseed = true", "found true"),
        ("[data]\nvalid_tokens = 0", "from 1 to 1e9"),
        ("[data]\nvalid_tokens = 99999999999999999999", "from 1 to 1e9"),
        ("[data]\nvalid_fraction = 0", "above 0 and at most 0.5"),
        ("[data]\nvalid_fraction = 1e-400", "`data.valid_fraction`"),
        ("[data]\nvalid_fraction = -0.0", "`data.valid_fraction`"),
        ("[data]\nmax_line_bytes = 5", "no `max_line_bytes` with"),
        ("[data]\nsource = \"text\"\npaths = [\"a\"]\nmax_line_bytes = 0", "from 1 to 1e12"),
        ("[data]\nsource = \"text\"\npaths = []", "at least one"),
        ("[data]\nsource = \"text\"\npaths = [\"\"]", "text that is not empty"),
        ("[data]\nsource = \"text\"\npaths = \"a\"", "a list"),
        ("[data]\nsource = \"text\"\npaths = [\"a\", 3]", "`data.paths[1]`"),
        ("[data]\nsource = \"txet\"", "did you mean \"text\"?"),
        ("[data]\ntokenizer = \"tokenizer.model\"", "ends in `.json`"),
        ("[grid]\nbudgets = [nan]", "found nan"),
        ("[grid]\nbudgets = [inf]", "found inf"),
        ("[grid]\nbudgets = [1e999]", "`grid.budgets[0]`"),
        ("[grid]\nbudgets = [1e12, 1.0e12]", "a second time"),
        ("[grid]\nbudgets = [[1e12]]", "found a list of 1"),
        ("[grid]\nbudgets = [1e12]\nseeds = [9007199254740993, 9007199254740993]", "a second time"),
        ("[grid]\nbudgets = [1e12]\nseeds = []", "at least one"),
        ("[grid]\nbudgets = [1e12]\nseeds = [[]]", "at least one"),
        ("[grid]\nbudgets = [1e12]\nwidths = [18446744073709551616]", "from 4 to 65536"),
        ("[grid]\nbudgets = [1e12]\nmax_cells = 0", "from 1 to 1e7"),
        ("[grid]\nbudgets = [1e12]\nmax_cells = 6", "found up to 7: 1 budget x 7 sizes"),
        ("[grid]\nbudgets = [1e12]\nmultiply = [\"all\", \"all\"]", "`grid.multiply"),
    ];
    let mut wrong = Vec::new();
    for (text, part) in cases {
        match told(text) {
            Err(told)
                if told.contains("a.toml") && told.contains("hint: ") && told.contains(part) =>
            {
                let obeyed = |c: char| c.is_control() && c != '\n';
                if told.contains(obeyed) || told.len() > 3000 {
                    wrong.push(format!("{text:?}: told {told:.600?}"));
                }
            }
            Err(told) => wrong.push(format!("{text:?}: told {told:.600}")),
            Ok(_) => wrong.push(format!("{text:?}: read")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_is_odd_and_sound_is_read() {
    for text in [
        "\u{feff}[study]\nname = \"a\"",
        "[study]\r\nname = \"a\"\r\n",
        "# nothing but a comment",
        "study.name = \"a\"",
        "[study]\n\"name\" = 'a'",
        "[study]\nname = \"a.b_c-1\"",
        "[data]\nseed = 9223372036854775807",
        "[data]\nseed = 0xff",
        "[data]\nseed = 1_000",
        "[grid]\nbudgets = [1e12]\nseeds = [9007199254740992, 9007199254740993]",
    ] {
        assert!(told(text).is_ok(), "{text:?}: {}", told(text).unwrap_err());
    }
}
