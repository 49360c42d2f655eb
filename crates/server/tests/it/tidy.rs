//! The invariants of the source itself: what may stand where, and that generated files are current.
//!
//! Each test names the rule in STYLE.md or ARCHITECTURE.md that it holds up.
//! It reads text, not syntax trees: a small lexer tells code, strings and comments apart, and that is enough.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// The directory of the workspace.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// One source file, its text parted into three of the same length and the same line breaks.
struct Source {
    /// Relative to the workspace, with `/`.
    path: String,
    text: String,
    /// Without comments and without the contents of string literals.
    code: String,
    strings: String,
    comments: String,
}

impl Source {
    fn read(path: &Path) -> Self {
        let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let (code, strings, comments) = part(&text);
        let path = path.strip_prefix(root()).unwrap().to_string_lossy().replace('\\', "/");
        Self { path, text, code, strings, comments }
    }

    /// Where the tests at the bottom of the file begin; the whole file when it only holds tests.
    fn tests_begin(&self) -> usize {
        if self.path.contains("/tests/") || self.path.ends_with("/tests.rs") {
            return 0;
        }
        ["\n#[cfg(test)]\nmod ", "\n#[cfg(test)]\npub(crate) mod ", "\n#[test]\n"]
            .iter()
            .filter_map(|mark| self.code.find(mark))
            .min()
            .unwrap_or(self.code.len())
    }

    fn is_under(&self, directories: &[&str]) -> bool {
        directories.iter().any(|directory| self.path.starts_with(directory))
    }
}

/// Parts Rust source into code, string contents and comments; what belongs elsewhere becomes blanks.
fn part(text: &str) -> (String, String, String) {
    #[derive(Clone, Copy, PartialEq)]
    enum In {
        Code,
        Line,
        Block(usize),
        Text,
        Raw(usize),
    }
    let chars: Vec<char> = text.chars().collect();
    let (mut code, mut strings, mut comments) = (String::new(), String::new(), String::new());
    let mut state = In::Code;
    let mut at = 0;
    while at < chars.len() {
        let ahead = |offset: usize| chars.get(at + offset).copied().unwrap_or('\0');
        let was_word = at > 0 && (chars[at - 1].is_alphanumeric() || chars[at - 1] == '_');
        // How many characters the step takes, and the state they and their successors are in.
        let (length, of, next) = match state {
            In::Code if ahead(0) == '/' && ahead(1) == '/' => (2, In::Line, In::Line),
            In::Code if ahead(0) == '/' && ahead(1) == '*' => (2, In::Line, In::Block(1)),
            In::Code if ahead(0) == '"' => (1, In::Code, In::Text),
            In::Code if (ahead(0) == 'r' || (ahead(0) == 'b' && ahead(1) == 'r')) && !was_word => {
                let prefix = if ahead(0) == 'b' { 2 } else { 1 };
                let hashes = (0..9).take_while(|offset| ahead(prefix + offset) == '#').count();
                if ahead(prefix + hashes) == '"' {
                    (prefix + hashes + 1, In::Code, In::Raw(hashes))
                } else {
                    (1, In::Code, In::Code)
                }
            }
            // A character literal; a lifetime has no closing quote so near.
            In::Code if ahead(0) == '\'' && ahead(1) == '\\' => {
                let end = (3..12).find(|offset| ahead(*offset) == '\'').unwrap_or(1);
                (end + 1, In::Code, In::Code)
            }
            In::Code if ahead(0) == '\'' && ahead(2) == '\'' => (3, In::Text, In::Code),
            In::Code => (1, In::Code, In::Code),
            In::Line if ahead(0) == '\n' => (1, In::Code, In::Code),
            In::Line => (1, In::Line, In::Line),
            In::Block(depth) if ahead(0) == '/' && ahead(1) == '*' => (2, In::Line, In::Block(depth + 1)),
            In::Block(depth) if ahead(0) == '*' && ahead(1) == '/' => {
                (2, In::Line, if depth == 1 { In::Code } else { In::Block(depth - 1) })
            }
            In::Block(depth) => (1, In::Line, In::Block(depth)),
            In::Text if ahead(0) == '\\' => (2, In::Text, In::Text),
            In::Text if ahead(0) == '"' => (1, In::Code, In::Code),
            In::Text => (1, In::Text, In::Text),
            In::Raw(hashes) if ahead(0) == '"' && (1..=hashes).all(|offset| ahead(offset) == '#') => {
                (hashes + 1, In::Code, In::Code)
            }
            In::Raw(hashes) => (1, In::Text, In::Raw(hashes)),
        };
        for char in chars.iter().skip(at).take(length) {
            let blank: String = if *char == '\n' { "\n".into() } else { " ".repeat(char.len_utf8()) };
            let (mut to_code, mut to_strings, mut to_comments) = (blank.clone(), blank.clone(), blank);
            match of {
                In::Code => to_code = char.to_string(),
                In::Text | In::Raw(_) => to_strings = char.to_string(),
                In::Line | In::Block(_) => to_comments = char.to_string(),
            }
            code.push_str(&to_code);
            strings.push_str(&to_strings);
            comments.push_str(&to_comments);
        }
        state = next;
        at += length;
    }
    (code, strings, comments)
}

#[test]
fn code_strings_and_comments_are_told_apart() {
    let text =
        "let a = \"x // y\"; // \"z\"\nlet b = r#\"SELECT \"q\"\"#; /* c /* d */ e */ let f: &'a str = '\"'.into();\n";
    let (code, strings, comments) = part(text);
    assert!(code.len() == text.len() && strings.len() == text.len() && comments.len() == text.len());
    assert!(code.contains("let b =") && code.contains("let f: &'a str") && !code.contains("SELECT"), "{code}");
    assert!(strings.contains("x // y") && strings.contains("SELECT \"q\"") && !strings.contains('z'), "{strings}");
    assert!(comments.contains("// \"z\"") && comments.contains("/* c /* d */ e */"), "{comments}");
}

fn walk(directory: &Path, keep: &dyn Fn(&Path) -> bool, found: &mut Vec<PathBuf>) {
    // `dist` and `lib` are what the SDK's build writes.
    let skipped = ["target", "node_modules", ".git", ".venv", "__pycache__", "test-results", "dist", "lib"];
    let Ok(entries) = fs::read_dir(directory) else { return };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    for path in paths {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() && !path.is_symlink() {
            if !skipped.contains(&name.as_str()) {
                walk(&path, keep, found);
            }
        } else if keep(&path) {
            found.push(path);
        }
    }
}

/// Every Rust file below the given directories.
fn sources(directories: &[&str]) -> Vec<Source> {
    let mut found = Vec::new();
    for directory in directories {
        walk(&root().join(directory), &|path| path.extension().is_some_and(|ext| ext == "rs"), &mut found);
    }
    assert!(!found.is_empty(), "no source files under {directories:?}");
    found.iter().map(|path| Source::read(path)).collect()
}

/// The positions at which `word` stands in `text` as a word of its own.
fn words<'a>(text: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let is_part = |char: char| char.is_alphanumeric() || char == '_';
    text.match_indices(word).map(|(at, _)| at).filter(move |at| {
        !text[..*at].chars().next_back().is_some_and(is_part)
            && !text[at + word.len()..].chars().next().is_some_and(is_part)
    })
}

fn line(text: &str, at: usize) -> usize {
    text[..at].matches('\n').count() + 1
}

#[track_caller]
fn expect_none(findings: &[String], rule: &str) {
    assert!(findings.is_empty(), "{rule}\n  {}", findings.join("\n  "));
}

#[test]
fn protocol_knows_no_io_no_clock_and_no_randomness() {
    let crates =
        ["tokio", "axum", "hyper", "tower", "postgres", "rusqlite", "sqlx", "reqwest", "rand", "getrandom", "jiff"];
    let manifest: toml::Table =
        toml::from_str(&fs::read_to_string(root().join("crates/protocol/Cargo.toml")).unwrap()).unwrap();
    let mut findings = Vec::new();
    for dependency in manifest["dependencies"].as_table().unwrap().keys() {
        if crates.iter().any(|banned| dependency == banned || dependency.starts_with(&format!("{banned}-"))) {
            findings.push(format!("crates/protocol/Cargo.toml depends on {dependency}"));
        }
    }
    let paths = ["SystemTime", "Instant", "std::env", "std::fs", "std::net", "std::thread", "std::process"];
    for source in sources(&["crates/protocol/src"]) {
        for word in crates.iter().chain(&paths) {
            for at in words(&source.code, word) {
                // Signing draws from the generator of the crypto library; nothing else here may.
                let after = &source.code[at + word.len()..];
                let is_for_signing = after.starts_with("::SystemRandom") || after.starts_with("::SecureRandom");
                if *word != "rand" || !is_for_signing {
                    findings.push(format!("{}:{} mentions {word}", source.path, line(&source.code, at)));
                }
            }
        }
    }
    expect_none(&findings, "crates/protocol is pure: time, randomness, connections are the caller's");
}

#[test]
fn sql_stands_only_in_the_store() {
    let marks = [
        "SELECT ",
        "INSERT INTO",
        "DELETE FROM",
        "CREATE TABLE",
        "CREATE INDEX",
        "ALTER TABLE",
        "DROP TABLE",
        "PRAGMA ",
        "BEGIN IMMEDIATE",
        "RETURNING ",
    ];
    let mut findings = Vec::new();
    for source in sources(&["crates"]) {
        if source.is_under(&["crates/server/src/store/"]) || source.path.contains("/tests/") {
            continue;
        }
        let own = &source.strings[..source.tests_begin()];
        for mark in marks {
            findings.extend(own.match_indices(mark).map(|(at, _)| format!("{}:{} {mark}", source.path, line(own, at))));
        }
        for (at, _) in own.match_indices("UPDATE ").filter(|(at, _)| own[*at..].contains(" SET ")) {
            findings.push(format!("{}:{} UPDATE", source.path, line(own, at)));
        }
    }
    expect_none(&findings, "SQL text stands only in crates/server/src/store and crates/server/migrations");
}

#[test]
fn only_the_edge_knows_axum() {
    let edge = [
        "crates/server/src/http/",
        "crates/server/src/pages/",
        "crates/server/src/demo/",
        "crates/server/src/demo.rs",
        "crates/server/src/router.rs",
        "crates/server/src/failure.rs",
        "crates/server/src/front.rs",
        "crates/server/src/app.rs",
        "crates/server/src/listen.rs",
    ];
    let mut findings = Vec::new();
    for source in sources(&["crates/server/src", "crates/protocol/src", "crates/resource-server/src"]) {
        if !source.is_under(&edge) {
            let found = words(&source.code, "axum").map(|at| format!("{}:{}", source.path, line(&source.code, at)));
            findings.extend(found);
        }
    }
    expect_none(
        &findings,
        "axum stands only in http/, pages/, demo/, router.rs, failure.rs, front.rs, listen.rs and app.rs",
    );
}

#[test]
fn knowledge_points_one_way() {
    let mut findings = Vec::new();
    for source in sources(&["crates/server/src"]) {
        let above: &[&str] = if source.is_under(&["crates/server/src/store/"]) {
            &["crate::http", "crate::pages", "crate::router", "crate::app", "crate::issue", "crate::cli", "crate::demo"]
        } else if source.is_under(&["crates/server/src/http/", "crates/server/src/pages/"]) {
            &["crate::cli", "crate::demo"]
        } else {
            &[]
        };
        for name in above {
            let found =
                words(&source.code, name).map(|at| format!("{}:{} {name}", source.path, line(&source.code, at)));
            findings.extend(found);
        }
    }
    expect_none(&findings, "http → protocol, http → store → protocol, and never back");
}

/// attacks.md row 29: what somebody may guess at is compared in constant time.
#[test]
fn secrets_are_compared_in_constant_time() {
    let secrets = [
        "binding",
        "check_value",
        "client_secret",
        "code_verifier",
        "csrf",
        "hash",
        "mac",
        "password",
        "refresh_token",
        "secret",
        "secret_hash",
        "session_token",
        "signature",
        "tag",
        "verifier",
    ];
    // The tags of ASN.1, and two hashes of one stored password.
    let exceptions = ["crates/protocol/src/jose/signing.rs", "crates/server/src/password_login.rs"];
    let mut findings = Vec::new();
    for source in sources(&["crates/protocol/src", "crates/server/src"]) {
        if exceptions.contains(&source.path.as_str()) {
            continue;
        }
        let own = &source.code[..source.tests_begin()];
        for (at, sign) in own.match_indices("==").chain(own.match_indices("!=")) {
            let (left, right) = (left_operand(&own[..at]), right_operand(&own[at + sign.len()..]));
            if secrets.contains(&left) || secrets.contains(&right) {
                findings.push(format!("{}:{} {left} {sign} {right}", source.path, line(own, at)));
            }
        }
    }
    expect_none(&findings, "secrets are compared by `subtle::ConstantTimeEq`, never by == or !=");
}

/// The name of what stands last in `code`, without the views that a comparison may take of it.
fn left_operand(code: &str) -> &str {
    let views = [".as_bytes()", ".as_str()", ".as_ref()", ".as_slice()", ".as_deref()", ".clone()"];
    let mut rest = code.trim_end();
    while let Some(viewed) = views.iter().find_map(|view| rest.strip_suffix(view)) {
        rest = viewed;
    }
    let begin = rest.rfind(|char: char| !(char.is_alphanumeric() || char == '_'));
    begin.map_or(rest, |at| &rest[at + 1..])
}

/// The name of what stands first in `code`.
fn right_operand(code: &str) -> &str {
    let rest = code.trim_start().trim_start_matches(['&', '*']);
    let end = rest.find(|char: char| !(char.is_alphanumeric() || "_.:()".contains(char)));
    let mut operand = &rest[..end.unwrap_or(rest.len())];
    // What closes around the comparison is no part of it.
    while operand.matches(')').count() > operand.matches('(').count()
        && let Some(inner) = operand.strip_suffix(')')
    {
        operand = inner;
    }
    left_operand(operand)
}

#[test]
fn operands_are_read_right() {
    for (code, expected) in [
        ("if stored.secret_hash.as_slice() == &presented.hash.as_bytes() {", ("secret_hash", "hash")),
        ("(secret == *given)", ("secret", "given")),
        ("    .filter(|own| own.len() == 3)", ("", "3")),
    ] {
        let (left, right) = code.split_once("==").unwrap();
        assert_eq!((left_operand(left), right_operand(right)), expected, "{code}");
    }
}

#[test]
fn every_refusal_occurs_in_a_test() {
    let all = sources(&["crates"]);
    let tests: Vec<(&str, &str)> =
        all.iter().map(|source| (source.path.as_str(), &source.text[source.tests_begin()..])).collect();
    let mut findings = Vec::new();
    let mut count = 0;
    for source in all.iter().filter(|source| source.is_under(&["crates/protocol/src/"])) {
        let own = &source.code[..source.tests_begin()];
        let module = source.path.rsplit('/').find(|part| *part != "mod.rs").unwrap().trim_end_matches(".rs");
        for (at, _) in own.match_indices("pub const ") {
            let rest = &own[at + "pub const ".len()..];
            let Some((name, kind)) = rest.split_once(':') else { continue };
            let kind = kind.trim_start();
            if !(kind.starts_with("Refusal ") || kind.starts_with("Refusal=") || kind.starts_with("Refusal\n")) {
                continue;
            }
            count += 1;
            let end = at + own[at..].find(';').unwrap_or(0);
            let description = literal(&source.text[at..end]);
            let qualified = format!("{module}::{name}");
            let occurs = tests.iter().any(|(path, test)| {
                let is_near = *path == source.path && words(test, name).next().is_some();
                let is_named = words(test, &qualified).next().is_some();
                is_near || is_named || (description.len() > 12 && test.contains(&description))
            });
            if !occurs {
                findings.push(format!("{}:{} {module}::{name}", source.path, line(own, at)));
            }
        }
    }
    assert!(count > 0, "the search for refusals finds none");
    expect_none(&findings, "every refusal occurs in a test, by its name or its description");
}

/// The first string literal of a constant, with continued lines joined.
fn literal(declaration: &str) -> String {
    let Some(begin) = declaration.find('"') else { return String::new() };
    let mut text = String::new();
    let mut chars = declaration[begin + 1..].chars().peekable();
    while let Some(char) = chars.next() {
        match char {
            '"' => break,
            '\\' => match chars.next() {
                Some('\n') => while chars.next_if(|next| next.is_whitespace()).is_some() {},
                Some(escaped) => text.push(escaped),
                None => break,
            },
            char => text.push(char),
        }
    }
    text
}

#[test]
fn names_say_what_a_thing_is() {
    let banned = ["Manager", "Service", "Helper", "Util", "Utils", "Handler", "Processor", "Data", "Info", "Impl"];
    let banned_files =
        ["manager", "service", "helper", "helpers", "util", "utils", "handler", "handlers", "data", "common", "misc"];
    let mut findings = Vec::new();
    for source in sources(&["crates", "bench", "interop"]) {
        for part in source.path.trim_end_matches(".rs").split('/') {
            if banned_files.contains(&part) {
                findings.push(format!("{}: the name {part}", source.path));
            }
        }
        for keyword in ["struct", "enum", "trait", "type", "mod"] {
            for at in words(&source.code, keyword) {
                // The trait of HTTP bodies has it so.
                if source.code[at..].starts_with("type Data = Bytes;") {
                    continue;
                }
                let rest = source.code[at + keyword.len()..].trim_start();
                let name: String = rest.chars().take_while(|char| char.is_alphanumeric() || *char == '_').collect();
                if camel_words(&name).iter().any(|word| banned.contains(&word.as_str()))
                    || banned_files.contains(&name.as_str())
                {
                    findings.push(format!("{}:{} {keyword} {name}", source.path, line(&source.code, at)));
                }
            }
        }
    }
    expect_none(&findings, "names that say nothing are not used (STYLE.md)");
}

fn camel_words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for char in name.chars() {
        match words.last_mut() {
            Some(word) if !char.is_uppercase() => word.push(char),
            _ => words.push(char.to_string()),
        }
    }
    words
}

#[test]
fn every_module_says_what_it_is() {
    let findings: Vec<String> = sources(&["crates", "bench", "interop"])
        .into_iter()
        .filter(|source| !source.text.starts_with("//!"))
        .map(|source| source.path)
        .collect();
    expect_none(&findings, "every file begins with a module header: `//! what it is`");
}

/// The description of the management API knows a type by its name alone: of two with one name it shows one for both.
#[test]
fn schemas_have_names_of_their_own() {
    let mut places: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for source in sources(&["crates/server/src", "crates/protocol/src"]) {
        for (at, _) in source.code.match_indices("#[derive(").filter(|(at, _)| {
            let (derived, _) = source.code[*at..].split_once(")]").unwrap();
            words(derived, "ToSchema").next().is_some()
        }) {
            let rest = &source.code[at..];
            let kind = words(rest, "struct").chain(words(rest, "enum")).min().unwrap();
            let (attributes, declaration) = rest.split_at(kind);
            let given = attributes.split_once("#[schema(as = ").map(|(_, given)| given);
            let name = given.unwrap_or_else(|| declaration.split_once(' ').unwrap().1);
            let end = name.find(|char: char| !(char.is_alphanumeric() || char == '_')).unwrap();
            let place = format!("{}:{}", source.path, line(&source.code, at));
            places.entry(name[..end].to_owned()).or_default().push(place);
        }
    }
    assert!(places.contains_key("UserObject"), "the search for schemas finds none");
    let findings: Vec<String> = places
        .into_iter()
        .filter(|(_, places)| places.len() > 1)
        .map(|(name, places)| format!("{name}: {}", places.join(", ")))
        .collect();
    expect_none(&findings, "no two schemas of the management API have one name; give one another by #[schema(as = …)]");
}

/// Below an issuer at such a path would lie what belongs to the issuer above it.
#[test]
fn no_issuer_is_at_a_path_that_the_server_answers() {
    let marks = [".route(\"/", ".route(&format!(\"/", "path = \"/", ": &str = \"/", ": &'static str = \"/"];
    let mut found = BTreeSet::new();
    for source in sources(&["crates/server/src", "crates/protocol/src"]) {
        if source.is_under(&["crates/server/src/demo"]) {
            continue;
        }
        let own = &source.text[..source.tests_begin()];
        for (at, mark) in marks.iter().flat_map(|mark| own.match_indices(mark)) {
            let path = &own[at + mark.len()..];
            found.insert(path.split(['/', '"', '{']).next().unwrap_or_default().to_owned());
        }
    }
    assert!(found.contains("oauth2") && found.contains("password"), "{found:?}");
    // Those of operators are at another listener.
    let findings: Vec<String> = found
        .into_iter()
        .filter(|segment| !["", "healthz", "readyz", "metrics"].contains(&segment.as_str()))
        .filter(|segment| hospes::config::Issuer::parse(&format!("https://a.test/{segment}")).is_ok())
        .collect();
    expect_none(&findings, "FIRST_SEGMENTS in crates/server/src/config/setting.rs has the first segment of every path");
}

#[test]
fn text_files_end_cleanly() {
    let kinds = ["rs", "md", "toml", "sql", "css", "html", "js", "mjs", "ts", "py", "json", "txt"];
    let plain = ["test", "run", "with-hospes", ".gitignore", "LICENSE"];
    let mut found = Vec::new();
    walk(
        &root(),
        &|path| {
            path.extension().is_some_and(|ext| kinds.contains(&ext.to_string_lossy().as_ref()))
                || path.file_name().is_some_and(|name| plain.contains(&name.to_string_lossy().as_ref()))
        },
        &mut found,
    );
    let mut findings = Vec::new();
    for path in found {
        let Ok(text) = fs::read_to_string(&path) else {
            findings.push(format!("{} is not UTF-8", path.display()));
            continue;
        };
        for (number, line) in text.split('\n').enumerate() {
            if line.ends_with([' ', '\t', '\r']) {
                findings.push(format!("{}:{} ends with a blank", path.display(), number + 1));
            }
        }
        if !text.is_empty() && (!text.ends_with('\n') || text.ends_with("\n\n")) {
            findings.push(format!("{} does not end with exactly one line break", path.display()));
        }
    }
    expect_none(&findings, "no trailing blanks, one line break at the end");
}

#[test]
fn documents_point_at_files_that_exist() {
    let mut found = Vec::new();
    walk(&root(), &|path| path.extension().is_some_and(|ext| ext == "md"), &mut found);
    let mut findings = Vec::new();
    for path in found {
        let text = fs::read_to_string(&path).unwrap();
        let here = path.parent().unwrap();
        let links = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        for link in links.filter(|link| !link.contains("://") && !link.starts_with('#') && !link.starts_with("mailto:"))
        {
            let target = link.split('#').next().unwrap();
            if !here.join(target).exists() {
                findings.push(format!("{}: the link {link}", path.display()));
            }
        }
        // Paths in backticks, in the documents of the workspace's root.
        if here == root() {
            let quoted = text.split('`').skip(1).step_by(2);
            let tops = ["crates/", "interop/", "docs/", "bench/", "examples/", ".ci/"];
            for name in quoted.filter(|name| tops.iter().any(|top| name.starts_with(top))) {
                let is_plain = name.chars().all(|char| char.is_ascii_alphanumeric() || "/._-".contains(char));
                if is_plain && !root().join(name).exists() {
                    findings.push(format!("{}: {name} is not there", path.display()));
                }
            }
        }
    }
    expect_none(&findings, "documents describe what exists");
}

// ---------------------------------------------------------------- the dependency tree

#[test]
fn dependencies_keep_to_deny_toml() {
    let deny: toml::Table = toml::from_str(&fs::read_to_string(root().join("deny.toml")).unwrap()).unwrap();
    let allowed: BTreeSet<&str> =
        deny["licenses"]["allow"].as_array().unwrap().iter().map(|value| value.as_str().unwrap()).collect();
    let banned: BTreeSet<&str> =
        deny["bans"]["deny"].as_array().unwrap().iter().map(|entry| entry["crate"].as_str().unwrap()).collect();
    let mut findings = Vec::new();
    for line in cargo_tree().lines().filter(|line| !line.is_empty()) {
        // `name version (notes)|licence`, where a note tells of any source but the registry.
        let (package, license) = line.trim_end_matches(" (*)").split_once('|').unwrap();
        let name = package.split(' ').next().unwrap();
        let is_ours = package.contains(&format!("({}", root().display()));
        if banned.contains(name) {
            findings.push(format!("{package} is banned"));
        }
        if !is_ours && package.replace(" (proc-macro)", "").contains('(') {
            findings.push(format!("{package} does not come from the registry"));
        }
        if !(license_is_allowed(license, &allowed) || is_ours && license.is_empty()) {
            findings.push(format!("{package} has the licence '{license}'"));
        }
    }
    expect_none(&findings, "dependencies keep to deny.toml");
}

/// What is built on this machine: `cargo metadata` also names optional dependencies that nobody turned on.
fn cargo_tree() -> String {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--workspace", "--locked", "--offline", "--edges=normal,build,dev", "--prefix=none"])
        .arg("--format={p}|{l}")
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "cargo tree: {}", String::from_utf8_lossy(&output.stderr));
    let tree = String::from_utf8(output.stdout).unwrap();
    assert!(tree.lines().count() > 20, "cargo tree says too little: {tree}");
    tree
}

/// Evaluates a licence expression (SPDX, with the older `/` for OR): AND binds closer than OR.
fn license_is_allowed(expression: &str, allowed: &BTreeSet<&str>) -> bool {
    let expression = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let tokens: Vec<&str> = expression.split_whitespace().collect();
    let mut at = 0;
    let result = license_or(&tokens, &mut at, allowed);
    at == tokens.len() && result
}

fn license_or(tokens: &[&str], at: &mut usize, allowed: &BTreeSet<&str>) -> bool {
    let mut result = license_and(tokens, at, allowed);
    while tokens.get(*at) == Some(&"OR") {
        *at += 1;
        result |= license_and(tokens, at, allowed);
    }
    result
}

fn license_and(tokens: &[&str], at: &mut usize, allowed: &BTreeSet<&str>) -> bool {
    let mut result = license_one(tokens, at, allowed);
    while tokens.get(*at) == Some(&"AND") {
        *at += 1;
        result &= license_one(tokens, at, allowed);
    }
    result
}

fn license_one(tokens: &[&str], at: &mut usize, allowed: &BTreeSet<&str>) -> bool {
    let Some(token) = tokens.get(*at) else { return false };
    *at += 1;
    if *token == "(" {
        let result = license_or(tokens, at, allowed);
        *at += 1;
        return result;
    }
    if tokens.get(*at) == Some(&"WITH") {
        let name = format!("{token} WITH {}", tokens.get(*at + 1).unwrap_or(&""));
        *at += 2;
        return allowed.contains(name.as_str());
    }
    allowed.contains(token)
}

#[test]
fn licence_expressions_are_read_right() {
    let allowed = BTreeSet::from(["MIT", "ISC", "Apache-2.0 WITH LLVM-exception"]);
    for good in ["MIT", "GPL-3.0/MIT", "(GPL-3.0 OR MIT) AND ISC", "Apache-2.0 WITH LLVM-exception OR GPL-3.0"] {
        assert!(license_is_allowed(good, &allowed), "{good}");
    }
    for bad in ["", "GPL-3.0", "MIT AND GPL-3.0", "GPL-3.0 OR MIT AND GPL-3.0", "Apache-2.0 WITH Other", "MIT MIT"] {
        assert!(!license_is_allowed(bad, &allowed), "{bad}");
    }
}

// ---------------------------------------------------------------- from section to code

/// What a citation may begin with, and how the index is ordered.
const DOCUMENTS: [&str; 8] = [
    "OAuth 2.1",
    "OIDC Core",
    "OIDC Discovery",
    "RP-Initiated Logout",
    "Form Post Response Mode",
    "Multiple Response Types",
    "JWT Access Tokens",
    "RFC ",
];

/// Document → section → files that cite it. `""` is the document as a whole.
type Citations = BTreeMap<(usize, u32, String), BTreeMap<Section, BTreeSet<String>>>;

/// A section in the order of its numbers: `4.10` after `4.9`, appendices after numbers.
#[derive(PartialEq, Eq, PartialOrd, Ord, Clone)]
struct Section(Vec<(u32, String)>);

impl Section {
    fn parse(text: &str) -> Self {
        let parts = text.split('.').filter(|part| !part.is_empty());
        Self(parts.map(|part| (part.parse().unwrap_or(u32::MAX), part.to_owned())).collect())
    }

    fn print(&self) -> String {
        let parts: Vec<&str> = self.0.iter().map(|(_, text)| text.as_str()).collect();
        if parts.is_empty() { "as a whole".to_owned() } else { format!("§{}", parts.join(".")) }
    }
}

/// Reads `RFC 6749 §4.1.2.1 and §5.2, RFC 8707 §2` and the like.
fn cite(comments: &str, file: &str, citations: &mut Citations) {
    // A citation may be broken over two comment lines.
    let mut text = String::new();
    for line in comments.lines() {
        text.push_str(line.trim().trim_start_matches(['/', '!', '*']).trim());
        text.push(' ');
    }
    let mut found: Vec<(usize, usize, u32, String, usize)> = Vec::new();
    for (rank, document) in DOCUMENTS.iter().enumerate() {
        for at in text.match_indices(document).map(|(at, _)| at) {
            let mut end = at + document.len();
            let (mut number, mut name) = (0, document.trim().to_owned());
            if *document == "RFC " {
                let digits: String = text[end..].chars().take_while(char::is_ascii_digit).collect();
                end += digits.len();
                let Ok(parsed) = digits.parse() else { continue };
                number = parsed;
                name = format!("RFC {digits}");
            }
            found.push((at, rank, number, name, end));
        }
    }
    found.sort();
    for (_, rank, number, name, end) in found {
        let sections = citations.entry((rank, number, name)).or_default();
        let mut rest = &text[end..];
        let mut any = false;
        loop {
            // Only what joins two sections of one document may stand between them.
            let gap = rest.trim_start();
            let gap = ["and", "or", "to", ",", "–", "/"]
                .iter()
                .fold(gap, |gap, word| if any { gap.strip_prefix(word).unwrap_or(gap).trim_start() } else { gap });
            let Some(after) = gap.strip_prefix('§') else { break };
            let section: String =
                after.chars().take_while(|char| char.is_ascii_alphanumeric() || *char == '.').collect();
            let section = section.trim_end_matches('.');
            if section.is_empty() {
                break;
            }
            sections.entry(Section::parse(section)).or_default().insert(file.to_owned());
            any = true;
            rest = &after[section.len()..];
        }
        if !any {
            sections.entry(Section::parse("")).or_default().insert(file.to_owned());
        }
    }
}

#[test]
fn citations_are_read_right() {
    let mut citations = Citations::new();
    cite(
        "//! Specs: RFC 6749 §4.1.2.1 and §5.2, RFC 8707 §2, OIDC Core §3.1.2.6.\n// RFC 7636\n//  §4.10",
        "a.rs",
        &mut citations,
    );
    let read: Vec<String> = citations
        .iter()
        .flat_map(|((_, _, name), sections)| sections.keys().map(move |section| format!("{name} {}", section.print())))
        .collect();
    assert_eq!(read, ["OIDC Core §3.1.2.6", "RFC 6749 §4.1.2.1", "RFC 6749 §5.2", "RFC 7636 §4.10", "RFC 8707 §2"]);
}

#[test]
fn the_index_of_specifications_is_current() {
    let mut citations = Citations::new();
    for source in sources(&["crates"]) {
        if !source.path.ends_with("tests/it/tidy.rs") {
            cite(&source.comments, &source.path, &mut citations);
        }
    }
    let mut index = String::from(
        "# From specification to code\n\n\
         Generated from the citations in the comments (`RFC nnnn §x.y`); do not edit.\n\
         `UPDATE_GENERATED=1 cargo test -p hospes --test it tidy` writes it anew.\n",
    );
    for ((_, _, name), sections) in &citations {
        write!(index, "\n## {name}\n\n").unwrap();
        for (section, files) in sections {
            let files: Vec<String> = files.iter().map(|file| format!("`{file}`")).collect();
            writeln!(index, "- {}: {}", section.print(), files.join(", ")).unwrap();
        }
    }
    expect_current("docs/spec-index.md", &index);
}

#[tokio::test]
async fn the_descriptions_of_our_apis_are_current() {
    let app = crate::app::TestApp::new().await;
    for name in ["openapi.json", "openapi-browser.json"] {
        let reply = app.get(&format!("/v1/{name}")).await;
        assert_eq!((reply.status, reply.header("content-type")), (200, "application/json"));
        expect_current(&format!("docs/{name}"), &format!("{}\n", reply.body));
    }
}

/// Compares a generated file with what it should be; writes it when asked to by `UPDATE_GENERATED=1`.
fn expect_current(path: &str, text: &str) {
    let file = root().join(path);
    if fs::read_to_string(&file).is_ok_and(|present| present == text) {
        return;
    }
    #[expect(clippy::disallowed_methods, reason = "a switch for the developer who runs the tests")]
    let update = std::env::var_os("UPDATE_GENERATED").is_some();
    assert!(
        update,
        "{path} is not current: run `UPDATE_GENERATED=1 cargo test -p hospes --test it tidy` and commit it"
    );
    fs::write(file, text).unwrap();
}
