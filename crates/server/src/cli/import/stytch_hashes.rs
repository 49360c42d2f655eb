//! The password hashes that Stytch's support sends: a table of `id`, `hash`, `salt` and `hash_method`, above which stand
//! the parameters of scrypt.
//!
//! Specs: RFC 4180 §2 (the table), RFC 4648 §5 (its base64), RFC 7914 (scrypt).
//!
//! The salt is taken as the text that it is: Stytch does not decode it before it goes into scrypt.

use super::{
    file::{Found, Visit, for_each_line, line_text},
    record::{Kind, Members},
};
use anyhow::{Result, bail, ensure};
use base64ct::{Base64, Encoding as _};
use hospes_protocol::imported_hash::{self, Configs, ImportedHash, ScryptConfig};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::io::BufRead;

const COLUMNS: [&str; 4] = ["id", "hash", "salt", "hash_method"];
/// The member of a row in which the parameters above the table travel with it.
const PARAMETERS: &str = "scrypt_parameters";

/// What Stytch uses today, and what a file says where it differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Parameters {
    n: u32,
    r: u32,
    p: u32,
    length: usize,
}

impl Default for Parameters {
    fn default() -> Self {
        Self { n: 1 << 15, r: 8, p: 1, length: 32 }
    }
}

/// Reads a table as rows with members of the columns' names.
pub(super) fn read_table(reader: impl BufRead, visit: &mut Visit<'_>) -> Result<()> {
    let mut parameters = Parameters::default();
    let mut columns: Option<Vec<String>> = None;
    for_each_line(reader, |number, line| {
        let cells = cells(line_text(line)?);
        let first = cells.first().map(String::as_str).unwrap_or_default();
        if cells.iter().all(String::is_empty) {
            return Ok(());
        }
        match &columns {
            None if first == "id" => {
                let missing: Vec<_> = COLUMNS.into_iter().filter(|name| !cells.iter().any(|own| own == name)).collect();
                ensure!(missing.is_empty(), "line {number}: the table has no column {}", missing.join(", "));
                columns = Some(cells);
                Ok(())
            }
            // Somebody has taken the lines above the table away, and its headings with them.
            None if first.starts_with("user-") => {
                let own = COLUMNS.map(str::to_owned).to_vec();
                let row = row(&own, cells, parameters);
                columns = Some(own);
                visit(number, row)
            }
            None => set_parameter(&mut parameters, &cells, number),
            Some(columns) => visit(number, row(columns, cells, parameters)),
        }
    })
}

fn row(columns: &[String], cells: Vec<String>, parameters: Parameters) -> Found {
    if cells.len() < COLUMNS.len() {
        return Found::Broken("this line has fewer cells than the table has columns".to_owned());
    }
    let mut members: Members = columns.iter().cloned().zip(cells.into_iter().map(Value::String)).collect();
    members.insert(PARAMETERS.to_owned(), json!(parameters));
    Found::Record(Kind::StytchHash, members)
}

/// One of the lines above the table: a name, and a number that may be written `1 << 15`.
fn set_parameter(parameters: &mut Parameters, cells: &[String], number: u64) -> Result<()> {
    let [name, value, ..] = cells else { bail!("line {number}: no table of password hashes begins so") };
    let own = match name.as_str() {
        "scryptCostParameter" => &mut parameters.n,
        "scryptRParameter" => &mut parameters.r,
        "scryptPParameter" => &mut parameters.p,
        // Spelt so in the files that Stytch sends.
        "scryptKeyLengthParamenter" | "scryptKeyLengthParameter" => {
            let length = whole_number(value).and_then(|length| usize::try_from(length).ok());
            let Some(length) = length else { bail!("line {number}: `{value}` is no length") };
            parameters.length = length;
            return Ok(());
        }
        _ if value.is_empty() => return Ok(()),
        _ => bail!("line {number}: `{name}` is no parameter that is known; a table begins with {}", COLUMNS.join(",")),
    };
    let Some(value) = whole_number(value) else { bail!("line {number}: `{value}` is no number") };
    *own = value;
    Ok(())
}

fn whole_number(text: &str) -> Option<u32> {
    match text.split_once("<<") {
        Some((left, right)) => {
            let (left, right): (u32, u32) = (left.trim().parse().ok()?, right.trim().parse().ok()?);
            left.checked_mul(2_u32.checked_pow(right)?)
        }
        None => text.trim().parse().ok(),
    }
}

/// The cells of a line. A quoted cell may hold commas, and two quotes for one.
fn cells(line: &str) -> Vec<String> {
    let line = line.trim_start_matches('\u{FEFF}').trim_end_matches(['\r', '\n']);
    let (mut cells, mut cell, mut is_quoted) = (Vec::new(), String::new(), false);
    let mut chars = line.chars().peekable();
    while let Some(char) = chars.next() {
        match char {
            '"' if is_quoted && chars.peek() == Some(&'"') => {
                chars.next();
                cell.push('"');
            }
            '"' if is_quoted || cell.is_empty() => is_quoted = !is_quoted,
            ',' if !is_quoted => cells.push(std::mem::take(&mut cell)),
            char => cell.push(char),
        }
    }
    cells.push(cell);
    cells.into_iter().map(|cell| cell.trim().to_owned()).collect()
}

/// The hash of a row.
pub(super) fn parse(members: &Members) -> Result<ImportedHash, String> {
    let text = |name: &str| members.get(name).and_then(Value::as_str).unwrap_or_default();
    let (method, hash, salt) = (text("hash_method"), text("hash"), text("salt"));
    let given = members.get(PARAMETERS).cloned().map(serde_json::from_value);
    let Parameters { n, r, p, length } = given.transpose().map_err(|error| error.to_string())?.unwrap_or_default();
    let plain = method.to_ascii_lowercase().replace(['-', '_'], "");
    let hash_type = match plain.as_str() {
        "scrypt" => "scrypt",
        "bcrypt" => "bcrypt",
        "argon2i" => "argon_2i",
        "argon2id" => "argon_2id",
        "phpass" => "phpass",
        "md5" if salt.is_empty() => "md_5",
        "sha1" if salt.is_empty() => "sha_1",
        "sha512" if salt.is_empty() => "sha_512",
        _ => {
            return Err(format!(
                "the row does not say enough about a hash of `{method}`; write it as JSON with hash_type and its \
                 parameters, as POST /v1/passwords/migrate takes them"
            ));
        }
    };
    let scrypt = ScryptConfig { salt: Base64::encode_string(salt.as_bytes()), n, r, p, length };
    let configs = Configs { scrypt: Some(scrypt), ..Configs::default() };
    // The hashes of the others have an alphabet of their own, or are hexadecimal.
    let hash = if hash_type == "scrypt" { hash.replace('-', "+").replace('_', "/") } else { hash.to_owned() };
    imported_hash::parse(hash_type, &hash, &configs).map_err(|refusal| refusal.description.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use hospes_protocol::imported_hash::Recipe;
    use std::io::Cursor;

    fn rows(text: &str) -> Result<Vec<(u64, Result<ImportedHash, String>)>> {
        let mut rows = Vec::new();
        read_table(Cursor::new(text.to_owned()), &mut |line, found| {
            rows.push((
                line,
                match found {
                    Found::Record(_, members) => parse(&members),
                    Found::Broken(why) => Err(why),
                },
            ));
            Ok(())
        })?;
        Ok(rows)
    }

    const TABLE: &str = "scrypt hash parameters,,,,\r\nscryptCostParameter,1 << 10,,,\r\nscryptRParameter,8,,,\r\n\
                         scryptPParameter,1,,,\r\nscryptKeyLengthParamenter,32,,,\r\n,,,,\r\n\
                         id,hash,salt,hash_method,project_id\r\n\
                         user-test-1,dma5y7NVbZXKTaA16VAcEAWGQYmvYwLRc-PO9lwc5QY=,c2FsdC1zYWx0_w==,scrypt,p\r\n";

    #[test]
    fn a_salt_is_the_text_that_it_is_and_parameters_stand_above_the_table() {
        let rows = rows(TABLE).unwrap();
        let [(8, Ok(ImportedHash::Digest(Recipe::Scrypt { log_n: 10, r: 8, p: 1, salt, length: 32 }, digest)))] =
            rows.as_slice()
        else {
            panic!("{rows:?}")
        };
        assert_eq!(*salt, Base64::encode_string(b"c2FsdC1zYWx0_w=="));
        assert_eq!((digest[0], digest[31]), (0x76, 0x06));
    }

    #[test]
    fn without_its_headings_a_table_has_the_usual_columns_and_parameters() {
        let rows =
            rows("user-test-1,dma5y7NVbZXKTaA16VAcEAWGQYmvYwLRc-PO9lwc5QY=,c2Fs,scrypt,p\nuser-test-2,x\n").unwrap();
        assert!(matches!(&rows[0].1, Ok(ImportedHash::Digest(Recipe::Scrypt { log_n: 15, .. }, _))), "{:?}", rows[0]);
        assert_eq!(rows[1].1, Err("this line has fewer cells than the table has columns".into()));
    }

    #[test]
    fn hashes_of_other_methods_speak_for_themselves_or_are_refused() {
        let check = |hash: &str, salt: &str, method: &str| {
            parse(json!({ "hash": hash, "salt": salt, "hash_method": method }).as_object().unwrap())
        };
        let bcrypt = "$2b$04$abcdefghijklmnopqrstuuLkMI6emr6qsRB//kVk2itACx4Sei8nK";
        assert!(matches!(check(bcrypt, "", "bcrypt"), Ok(ImportedHash::Digest(Recipe::Bcrypt { .. }, _))));
        assert!(matches!(check("$argon2id$v=19$…", "", "argon2id"), Ok(ImportedHash::Argon2(_))));
        assert!(matches!(check(&"ab".repeat(16), "", "md5"), Ok(ImportedHash::Digest(Recipe::Plain { .. }, _))));
        for (salt, method) in [("s", "md5"), ("", "sha256"), ("", "")] {
            assert!(check("00", salt, method).unwrap_err().contains("hash_type"), "{method}");
        }
        assert!(check("short", "s", "scrypt").unwrap_err().contains("scrypt"));
    }

    #[test]
    fn a_table_that_is_none_is_refused_with_its_line() {
        for (text, expected) in [
            ("name,mail\nada,a@b.example\n", "line 1"),
            ("id,hash\n", "salt, hash_method"),
            ("scryptCostParameter,many,,\n", "line 1: `many`"),
            ("scryptKeyLengthParamenter,-1,,\n", "line 1: `-1`"),
            ("scryptCostParameter,1 << 40,,\n", "line 1: `1 << 40`"),
            ("alone\n", "line 1"),
        ] {
            let error = rows(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
        assert!(read_table(Cursor::new(b"\xff\xfe,\n".to_vec()), &mut |_, _| Ok(())).is_err());
    }

    #[test]
    fn quoted_cells_may_hold_commas_and_quotes() {
        assert_eq!(cells("\u{FEFF}\"a,b\",\"c \"\"d\"\"\", e ,\r\n"), ["a,b", "c \"d\"", "e", ""]);
        assert_eq!(cells("a\"b"), ["a\"b"]);
    }
}
