//! Harness protocol 1 of pqvalidate in lines of JSON; nothing in here knows the crate under test.
//!
//! A refusal by the crate is "rejected"; a panic or a broken call is "error".

#![allow(dead_code)] // each harness uses a part of it

use std::fmt::Display;
use std::io::{BufRead, BufReader, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};

use serde_json::{Map, Value, json};

/// Why a call has no result.
pub enum No {
    Rejected(String), // the crate refuses the input
    Broken(String),   // the call itself is not in order
}

pub type Answer = Result<Value, No>;

/// One parameter set: its operations, the optional inputs that they cannot take, its hash functions for HashML-DSA,
/// and the function that performs the operations.
pub struct Set {
    pub name: &'static str,
    pub operations: &'static [&'static str],
    pub without: &'static [&'static str],
    pub hashes: &'static [&'static str],
    pub perform: fn(&str, &Inputs) -> Answer,
}

impl Set {
    pub const EMPTY: Set = Set { name: "", operations: &[], without: &[], hashes: &[], perform: |op, _| unknown(op) };
}

pub fn refused(error: impl Display) -> No {
    No::Rejected(error.to_string())
}

pub fn unknown(op: &str) -> Answer {
    Err(No::Broken(format!("no operation {op}")))
}

/// Turns whether the crate takes a key into the answer of a key check.
pub fn valid<T>(loaded: Result<T, No>) -> Answer {
    match loaded {
        Err(broken @ No::Broken(_)) => Err(broken),
        other => Ok(json!({"valid": other.is_ok()})),
    }
}

/// The inputs of a call; one that is missing or no hex breaks the call.
pub struct Inputs<'a>(pub &'a Map<String, Value>);

impl Inputs<'_> {
    pub fn bytes(&self, name: &str) -> Result<Vec<u8>, No> {
        let text = self.0.get(name).and_then(Value::as_str).ok_or(No::Broken(format!("input {name} is missing")))?;
        hex::decode(text).map_err(|error| No::Broken(format!("input {name}: {error}")))
    }

    pub fn context(&self) -> Result<Vec<u8>, No> {
        if self.0.contains_key("context") { self.bytes("context") } else { Ok(Vec::new()) }
    }

    /// Returns the input as an array of the crate's own size; the conversion refuses any other length.
    pub fn array<A>(&self, name: &str) -> Result<A, No>
    where
        A: for<'b> TryFrom<&'b [u8]>,
    {
        A::try_from(self.bytes(name)?.as_slice()).map_err(|_| No::Rejected(format!("length of {name}")))
    }
}

fn hello(name: &str, version: &str, sets: &[Set]) -> Value {
    let table = |column: fn(&Set) -> &'static [&'static str]| -> Map<String, Value> {
        sets.iter().map(|set| (set.name.into(), json!(column(set)))).collect()
    };
    json!({
        "protocol": 1, "name": name, "version": version, "operations": table(|set| set.operations),
        "without": table(|set| set.without), "hashes": table(|set| set.hashes),
    })
}

fn answer(line: &str, greeting: &Value, sets: &[Set]) -> Value {
    let call: Value = serde_json::from_str(line).unwrap_or(Value::Null);
    let (op, name) = (call["op"].as_str().unwrap_or(""), call["set"].as_str().unwrap_or(""));
    let none = Map::new();
    let given = Inputs(call["in"].as_object().unwrap_or(&none));
    let result = catch_unwind(AssertUnwindSafe(|| match sets.iter().find(|set| set.name == name) {
        _ if op == "hello" => Ok(greeting.clone()),
        Some(set) => (set.perform)(op, &given),
        None => Err(No::Broken(format!("no parameter set {name}"))),
    }));
    match result {
        Ok(Ok(values)) => json!({"id": call["id"], "ok": values}),
        Ok(Err(No::Rejected(why))) => json!({"id": call["id"], "rejected": why}),
        Ok(Err(No::Broken(why))) => json!({"id": call["id"], "error": why}),
        Err(_) => json!({"id": call["id"], "error": "panic"}), // its message is on standard error
    }
}

/// Answers calls until the host closes standard input.
pub fn serve(name: &str, version: &str, sets: &[Set]) -> std::io::Result<()> {
    let (mut input, mut output) = (BufReader::with_capacity(1 << 20, std::io::stdin()), std::io::stdout().lock());
    let (greeting, mut line, mut ready) = (hello(name, version, sets), String::new(), Vec::new());
    while input.read_line(&mut line)? > 0 {
        ready.extend_from_slice(answer(&line, &greeting, sets).to_string().as_bytes());
        ready.push(b'\n');
        if input.buffer().is_empty() {
            // nothing more is waiting: let the host see what is ready
            output.write_all(&ready)?;
            output.flush()?;
            ready.clear();
        }
        line.clear();
    }
    Ok(())
}
