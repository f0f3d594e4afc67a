//! Templates in a file that is no mapping: the same Liquid within the same limits, over names that the file's reader gives.
//! Never knows the purpose of a value.

use serde_json::Value;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::body::{BodyFault, Node};
use super::fault::{Fault, Faults, MAX_FILE_BYTES, line};
use super::template::{Compiler, Data};

/// A file of templates, and the names that they may use.
pub struct Sheets<'t> {
    file: &'t str,
    text: &'t str,
    table: Spanned<DeTable<'t>>,
    compiler: Compiler,
    sample: Data,
}

/// One value of the file, compiled: a text, or a table whose strings are templates.
pub struct Sheet(Node);

impl<'t> Sheets<'t> {
    /// Reads a file whose templates may use the names of `sample`, a value for each.
    ///
    /// # Errors
    /// The file is too long, or no TOML.
    pub fn new(file: &'t str, text: &'t str, sample: Value) -> Result<Self, Fault> {
        let fault = |line, what| Fault { file: file.to_owned(), line, key: None, what };
        if text.len() > MAX_FILE_BYTES {
            return Err(fault(None, format!("the file has {} bytes; at most {MAX_FILE_BYTES} are read", text.len())));
        }
        let table = DeTable::parse(text).map_err(|error| {
            fault(error.span().map(|span| line(text, span.start)), format!("not TOML: {}", error.message()))
        })?;
        let compiler = Compiler::new(sample.clone()).map_err(|what| fault(None, what))?;
        Ok(Self { file, text, table, compiler, sample: Data::new(sample) })
    }

    /// Compiles the value under these keys, and tries it on the sample; `None` where there is none.
    ///
    /// # Errors
    /// Every fault in it.
    pub fn sheet(&self, keys: &[&str]) -> Result<Option<Sheet>, Faults> {
        let Some(value) = self.find(keys) else { return Ok(None) };
        let mut faults = Vec::new();
        let node = Node::compile(&self.compiler, &keys.join("."), value, 0, &mut faults);
        if let (true, Err((key, error))) = (faults.is_empty(), node.render(&self.sample)) {
            let what = error.asked_for.map_or(error.what.clone(), |name| format!("{}: {name}", error.what));
            faults.push(BodyFault { at: value.span().start, key, what });
        }
        if faults.is_empty() {
            return Ok(Some(Sheet(node)));
        }
        let fault = |BodyFault { at, key, what }| Fault {
            file: self.file.to_owned(),
            line: Some(line(self.text, at)),
            key: Some(key),
            what,
        };
        Err(Faults(faults.into_iter().map(fault).collect()))
    }

    fn find(&self, keys: &[&str]) -> Option<&Spanned<DeValue<'t>>> {
        let (first, rest) = keys.split_first()?;
        let first = self.table.get_ref().get(*first)?;
        rest.iter().try_fold(first, |value, key| value.get_ref().as_table()?.get(*key))
    }
}

impl Sheet {
    /// The value for these names; `None` where nothing is left of it.
    ///
    /// # Errors
    /// The key that could not be filled in and the reason, without a customer's or an agent's words.
    pub fn render(&self, names: &Value) -> Result<Option<Value>, String> {
        self.0.render(&Data::new(names.clone())).map_err(|(key, error)| format!("{key}: {}", error.what))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const FILE: &str = "path = \"/v1/{{ account }}\"\n[send.body]\nTo = \"{{ to }}\"\nText = \"{{ text | upcase }}\"\n";

    fn sample() -> Value {
        json!({"account": "A1", "to": "+1", "text": null})
    }

    #[test]
    fn a_value_of_a_file_is_filled_in_and_an_empty_one_is_left_out() {
        let sheets = Sheets::new("a.toml", FILE, sample()).unwrap();
        let names = json!({"account": "A2", "to": "+2", "text": null});
        let path = sheets.sheet(&["path"]).unwrap().unwrap();
        assert_eq!(path.render(&names), Ok(Some(json!("/v1/A2"))));
        let body = sheets.sheet(&["send", "body"]).unwrap().unwrap();
        assert_eq!(body.render(&names), Ok(Some(json!({"To": "+2"}))));
        assert!(sheets.sheet(&["send", "headers"]).unwrap().is_none());
    }

    #[test]
    fn a_name_that_is_not_given_is_a_fault_with_its_line_and_its_key() {
        let text = FILE.replace("{{ to }}", "{{ too }}");
        let sheets = Sheets::new("a.toml", &text, sample()).unwrap();
        let Err(Faults(faults)) = sheets.sheet(&["send", "body"]) else { panic!("no fault") };
        assert_eq!((faults.len(), faults[0].line, faults[0].key.as_deref()), (1, Some(3), Some("send.body.To")));
    }

    #[test]
    fn a_file_that_is_no_toml_is_a_fault_with_its_line() {
        let fault = Sheets::new("a.toml", "a = 1\nb = \n", sample()).err().unwrap();
        assert_eq!(fault.line, Some(2), "{fault}");
    }
}
