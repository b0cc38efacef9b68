//! The parts of an image's configuration (OCI image specification, config.md)
//! that the API shows.

use std::collections::BTreeMap;

use refity_types::platform::Platform;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// A step of the image's build history.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[schema(as = HistoryStep)]
pub(super) struct Step {
    #[serde(default)]
    created: Option<String>,
    #[serde(default)]
    pub(super) created_by: Option<String>,
    #[serde(default)]
    comment: Option<String>,
    /// Whether the step created no layer.
    #[serde(default)]
    pub(super) empty_layer: bool,
}

/// The runtime configuration of the image.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub(super) struct ShownConfig {
    #[schema(example = json!(["PATH=/usr/bin"]))]
    pub(super) env: Vec<String>,
    pub(super) entrypoint: Vec<String>,
    pub(super) cmd: Vec<String>,
    pub(super) labels: BTreeMap<String, String>,
    pub(super) user: Option<String>,
    pub(super) working_dir: Option<String>,
    #[schema(example = json!(["8080/tcp"]))]
    exposed_ports: Vec<String>,
    volumes: Vec<String>,
    stop_signal: Option<String>,
}

/// A parsed configuration.
pub(super) struct Config {
    pub(super) json: Value,
    pub(super) platform: Option<Platform>,
    pub(super) shown: ShownConfig,
    pub(super) history: Vec<Step>,
}

impl Config {
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let json: Value = serde_json::from_slice(bytes).ok()?;
        json.as_object()?;
        let run = &json["config"];
        let text = |value: &Value| {
            value
                .as_str()
                .filter(|it| !it.is_empty())
                .map(str::to_owned)
        };
        let texts = |value: &Value| -> Vec<String> {
            let all = value.as_array().map(Vec::as_slice).unwrap_or_default();
            all.iter()
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect()
        };
        let keys = |value: &Value| -> Vec<String> {
            let all = value.as_object();
            all.map(|all| all.keys().cloned().collect())
                .unwrap_or_default()
        };
        let labels = run["Labels"].as_object();
        let labels = labels
            .into_iter()
            .flatten()
            .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())));
        let shown = ShownConfig {
            env: texts(&run["Env"]),
            entrypoint: texts(&run["Entrypoint"]),
            cmd: texts(&run["Cmd"]),
            labels: labels.collect(),
            user: text(&run["User"]),
            working_dir: text(&run["WorkingDir"]),
            exposed_ports: keys(&run["ExposedPorts"]),
            volumes: keys(&run["Volumes"]),
            stop_signal: text(&run["StopSignal"]),
        };
        let history = json["history"].as_array().map(Vec::as_slice);
        let history = history.unwrap_or_default().iter();
        let history = history.map(|step| Step::deserialize(step).unwrap_or_default());
        Some(Self {
            platform: Platform::deserialize(&json).ok(),
            history: history.collect(),
            shown,
            json,
        })
    }
}
