//! Validates JSON against the schemas of an OpenAPI 3.1 description, more
//! strictly than JSON Schema: an object has only properties that are described.

use jsonschema::Draft;
use serde_json::{Value, json};

/// Returns the schema itself, or the one that it refers to.
///
/// # Panics
/// If a reference leads nowhere.
#[must_use]
pub fn resolved<'a>(description: &'a Value, schema: &'a Value) -> &'a Value {
    let mut schema = schema;
    while let Some(target) = schema["$ref"].as_str() {
        let found = description.pointer(target.trim_start_matches('#'));
        schema = found.unwrap_or_else(|| panic!("there is no {target}"));
    }
    schema
}

/// Validates a value against a schema of this description.
///
/// # Errors
/// One line for each violation, with its path.
///
/// # Panics
/// If the schema is invalid.
pub fn check(description: &Value, schema: &Value, value: &Value) -> Result<(), String> {
    let mut components = description["components"]["schemas"].clone();
    for component in components.as_object_mut().into_iter().flatten() {
        close_parts(description, component.1);
    }
    let mut schema = schema.clone();
    close(description, &mut schema);
    schema["components"] = json!({ "schemas": components });
    let validator = jsonschema::options()
        .with_draft(Draft::Draft202012)
        .should_validate_formats(true)
        .build(&schema)
        .expect("a valid schema");
    let errors = validator.iter_errors(value);
    let errors: Vec<_> = errors
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    if errors.is_empty() {
        Ok(())
    } else {
        Err(errors.join("\n"))
    }
}

/// Forbids properties that are not described, here and below.
fn close(description: &Value, schema: &mut Value) {
    if describes_properties(description, schema) {
        let is_choice = schema.get("oneOf").or(schema.get("anyOf")).is_some();
        assert!(!is_choice, "properties beside a choice: {schema}");
        schema["unevaluatedProperties"] = json!(false);
    }
    close_parts(description, schema);
}

/// Closes the schemas of an object's properties, an array's items and so on.
/// Parts of an `allOf` stay open for one another.
fn close_parts(description: &Value, schema: &mut Value) {
    let Some(keywords) = schema.as_object_mut() else {
        return;
    };
    for (keyword, below) in keywords {
        match (keyword.as_str(), below) {
            ("properties", Value::Object(properties)) => properties
                .values_mut()
                .for_each(|schema| close(description, schema)),
            ("oneOf" | "anyOf", Value::Array(choices)) => choices
                .iter_mut()
                .for_each(|schema| close(description, schema)),
            ("allOf", Value::Array(parts)) => parts
                .iter_mut()
                .for_each(|schema| close_parts(description, schema)),
            ("items" | "additionalProperties", schema) => close(description, schema),
            _ => {}
        }
    }
}

fn describes_properties(description: &Value, schema: &Value) -> bool {
    let schema = resolved(description, schema);
    let mut parts = schema["allOf"].as_array().into_iter().flatten();
    schema.get("properties").is_some()
        || schema.get("additionalProperties").is_some()
        || parts.any(|part| describes_properties(description, part))
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
    fn valid_values_are_accepted() {
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
    fn missing_additional_and_wrong_values_are_errors() {
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
}
