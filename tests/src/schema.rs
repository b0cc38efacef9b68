//! Whether a JSON value is what a schema of an OpenAPI 3.1 description says
//! (JSON Schema 2020-12), for the keywords that ours has. Strict: an object has
//! no property that is not named, and a keyword that is not known here is an
//! error, so that nothing passes for want of a look.

use serde_json::{Map, Value};

/// Keywords that say nothing about what is valid.
const NOTES: [&str; 6] = [
    "description",
    "example",
    "examples",
    "default",
    "title",
    "deprecated",
];

/// Keywords that are looked at.
const RULES: [&str; 17] = [
    "$ref",
    "type",
    "format",
    "enum",
    "const",
    "oneOf",
    "anyOf",
    "allOf",
    "properties",
    "required",
    "additionalProperties",
    "propertyNames",
    "items",
    "minItems",
    "maxItems",
    "minimum",
    "maximum",
];

/// The schema itself, or the one that it refers to.
///
/// # Panics
/// When it refers to none.
#[must_use]
pub fn resolved<'a>(description: &'a Value, schema: &'a Value) -> &'a Value {
    let mut schema = schema;
    while let Some(target) = schema["$ref"].as_str() {
        let pointer = target.trim_start_matches('#');
        let found = description.pointer(pointer);
        schema = found.unwrap_or_else(|| panic!("{target} is not there"));
    }
    schema
}

/// Looks whether the value is as the schema says, which is part of this
/// description.
///
/// # Errors
/// Where it is not, and why.
pub fn check(description: &Value, schema: &Value, value: &Value) -> Result<(), String> {
    Checker { description }.check(schema, value, "$")
}

struct Checker<'a> {
    description: &'a Value,
}

/// What all parts of a composed schema say about an object.
#[derive(Default)]
struct Fields<'a> {
    named: Vec<(&'a str, &'a Value)>,
    required: Vec<&'a str>,
    /// What any other property is like, where there may be others.
    others: Option<&'a Value>,
    /// It is said what the object has.
    is_said: bool,
}

impl<'a> Checker<'a> {
    fn check(&self, schema: &'a Value, value: &Value, at: &str) -> Result<(), String> {
        let schema = resolved(self.description, schema);
        let Some(words) = schema.as_object() else {
            return match schema {
                Value::Bool(true) => Ok(()),
                _ => Err(format!("{at}: no schema: {schema}")),
            };
        };
        let known =
            |word: &&String| RULES.contains(&word.as_str()) || NOTES.contains(&word.as_str());
        if let Some(word) = words.keys().find(|word| !known(word)) {
            return Err(format!("{at}: the keyword {word} is not known"));
        }
        self.choices(words, value, at)?;
        is_of_type(words, value).map_err(|why| format!("{at}: {why}"))?;
        is_in_range(words, value).map_err(|why| format!("{at}: {why}"))?;
        match value {
            Value::Array(items) => {
                if let Some(schema) = words.get("items") {
                    for (n, item) in items.iter().enumerate() {
                        self.check(schema, item, &format!("{at}[{n}]"))?;
                    }
                }
                Ok(())
            }
            Value::Object(object) => self.object(schema, object, at),
            _ => Ok(()),
        }
    }

    fn choices(
        &self,
        words: &'a Map<String, Value>,
        value: &Value,
        at: &str,
    ) -> Result<(), String> {
        for (word, most) in [("oneOf", 1), ("anyOf", usize::MAX)] {
            let Some(choices) = words.get(word).and_then(Value::as_array) else {
                continue;
            };
            let tried = choices.iter().map(|it| self.check(it, value, at));
            let (fit, not): (Vec<_>, Vec<_>) = tried.partition(Result::is_ok);
            if fit.is_empty() || fit.len() > most {
                let fit = fit.len();
                return Err(format!(
                    "{at}: {fit} of {word} fit; those that do not: {not:?}"
                ));
            }
        }
        Ok(())
    }

    fn object(
        &self,
        schema: &'a Value,
        object: &Map<String, Value>,
        at: &str,
    ) -> Result<(), String> {
        let mut fields = Fields::default();
        self.gather(schema, &mut fields)?;
        if !fields.is_said {
            return Ok(());
        }
        if let Some(missing) = fields.required.iter().find(|it| !object.contains_key(**it)) {
            return Err(format!("{at}: {missing} is missing"));
        }
        for (key, value) in object {
            let at = format!("{at}.{key}");
            let mut named = fields
                .named
                .iter()
                .filter(|(name, _)| name == key)
                .peekable();
            match (named.peek(), fields.others) {
                (Some(_), _) => {
                    for (_, schema) in named {
                        self.check(schema, value, &at)?;
                    }
                }
                (None, Some(schema)) => self.check(schema, value, &at)?,
                (None, None) => return Err(format!("{at} is not described")),
            }
        }
        Ok(())
    }

    /// Adds what a schema says of an object's properties, and what all parts
    /// of it say.
    fn gather(&self, schema: &'a Value, fields: &mut Fields<'a>) -> Result<(), String> {
        let schema = resolved(self.description, schema);
        if let Some(named) = schema["properties"].as_object() {
            fields.is_said = true;
            let named = named.iter().map(|(name, schema)| (name.as_str(), schema));
            fields.named.extend(named);
        }
        if let Some(required) = schema["required"].as_array() {
            fields
                .required
                .extend(required.iter().filter_map(Value::as_str));
        }
        match &schema["additionalProperties"] {
            Value::Null => {}
            Value::Bool(false) => fields.is_said = true,
            others => {
                fields.is_said = true;
                fields.others = Some(others);
            }
        }
        for part in schema["allOf"].as_array().into_iter().flatten() {
            self.gather(part, fields)?;
        }
        // An object that may be several things is looked at as each of them.
        if fields.is_said && (schema["oneOf"].is_array() || schema["anyOf"].is_array()) {
            return Err(format!("properties beside a choice: {schema}"));
        }
        Ok(())
    }
}

fn is_of_type(words: &Map<String, Value>, value: &Value) -> Result<(), String> {
    let is = |name: &str| match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => false,
    };
    let fits = match words.get("type") {
        None => true,
        Some(Value::String(name)) => is(name),
        Some(names) => {
            let names = names.as_array().into_iter().flatten();
            names.filter_map(Value::as_str).any(is)
        }
    };
    if !fits {
        return Err(format!("{value} is not of type {}", words["type"]));
    }
    match words.get("enum").and_then(Value::as_array) {
        Some(all) if !all.contains(value) => return Err(format!("{value} is none of {all:?}")),
        _ => {}
    }
    match words.get("const") {
        Some(only) if only != value => return Err(format!("{value} is not {only}")),
        _ => {}
    }
    let format = words.get("format").and_then(Value::as_str);
    match (format, value.as_str()) {
        (Some("date-time"), Some(text)) if !is_time(text) => {
            Err(format!("{text} is no time of RFC 3339"))
        }
        _ => Ok(()),
    }
}

/// Whether it looks like `2026-01-31T12:00:00Z`, perhaps with fractions.
fn is_time(text: &str) -> bool {
    let shape: String = text
        .chars()
        .map(|c| if c.is_ascii_digit() { '0' } else { c })
        .collect();
    let rest = shape.strip_prefix("0000-00-00T00:00:00");
    let rest = rest.and_then(|rest| rest.strip_suffix('Z'));
    rest.is_some_and(|rest| {
        rest.is_empty()
            || rest
                .strip_prefix('.')
                .is_some_and(|it| it.chars().all(|c| c == '0'))
    })
}

fn is_in_range(words: &Map<String, Value>, value: &Value) -> Result<(), String> {
    let number = |word: &str| words.get(word).and_then(Value::as_f64);
    if let Some(it) = value.as_f64() {
        let below = number("minimum").is_some_and(|least| it < least);
        let above = number("maximum").is_some_and(|most| it > most);
        if below || above {
            return Err(format!("{value} is out of range"));
        }
    }
    if let Some(items) = value.as_array() {
        let length = items.len() as f64;
        let below = number("minItems").is_some_and(|least| length < least);
        let above = number("maxItems").is_some_and(|most| length > most);
        if below || above {
            return Err(format!("it has {length} items"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn description() -> Value {
        json!({
            "components": { "schemas": {
                "Base": {
                    "type": "object", "required": ["id"],
                    "properties": { "id": { "type": "integer", "format": "int64" } },
                },
                "Flat": { "allOf": [
                    { "$ref": "#/components/schemas/Base" },
                    {
                        "type": "object", "required": ["at"],
                        "properties": {
                            "at": { "type": "string", "format": "date-time" },
                            "kind": { "type": "string", "enum": ["a", "b"] },
                            "note": { "type": ["string", "null"] },
                        },
                    },
                ] },
                "Either": { "oneOf": [
                    { "$ref": "#/components/schemas/Base" },
                    { "type": "null" },
                ] },
                "Map": {
                    "type": "object", "propertyNames": { "type": "string" },
                    "additionalProperties": { "type": "array", "items": { "type": "integer" } },
                },
            } }
        })
    }

    fn checked(name: &str, value: &Value) -> Result<(), String> {
        let schema = json!({ "$ref": format!("#/components/schemas/{name}") });
        check(&description(), &schema, value)
    }

    #[test]
    fn what_is_described_is_right() {
        for (name, value) in [
            ("Base", json!({ "id": 7 })),
            (
                "Flat",
                json!({ "id": 7, "at": "2026-01-31T12:00:00.5Z", "kind": "a", "note": null }),
            ),
            ("Flat", json!({ "id": 7, "at": "2026-01-31T12:00:00Z" })),
            ("Either", json!(null)),
            ("Either", json!({ "id": 7 })),
            ("Map", json!({ "x": [1, 2], "y": [] })),
        ] {
            assert_eq!(checked(name, &value), Ok(()), "{name} {value}");
        }
    }

    #[test]
    fn what_is_missing_more_or_other_is_wrong() {
        let flat = json!({ "id": 7, "at": "2026-01-31T12:00:00Z", "kind": "a" });
        let with = |key: &str, value: Value| {
            let mut flat = flat.clone();
            flat[key] = value;
            flat
        };
        for (name, value) in [
            ("Base", json!({})),
            ("Base", json!({ "id": "7" })),
            ("Base", json!({ "id": 7.5 })),
            ("Base", json!({ "id": 7, "more": 1 })),
            ("Base", json!([])),
            ("Flat", json!({ "id": 7 })),
            ("Flat", with("more", json!(1))),
            ("Flat", with("at", json!("yesterday"))),
            ("Flat", with("kind", json!("c"))),
            ("Flat", with("note", json!(1))),
            ("Either", json!({ "id": 7, "more": 1 })),
            ("Either", json!(1)),
            ("Map", json!({ "x": [1.5] })),
            ("Map", json!({ "x": 1 })),
        ] {
            assert!(checked(name, &value).is_err(), "{name} {value}");
        }
    }

    #[test]
    fn a_keyword_that_is_not_known_is_an_error() {
        let schema = json!({ "type": "string", "pattern": "x" });
        let error = check(&json!({}), &schema, &json!("x"));
        assert!(error.unwrap_err().contains("pattern"));
    }
}
