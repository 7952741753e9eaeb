//! The part of Zabbix 6.0's export format that the template needs. Keys are ordered and defaults omitted as in Zabbix's
//! own exports, so that an export of the imported template is the same.

use serde::Serialize;

/// The format version: 6.0 and everything later import it.
pub const VERSION: &str = "6.0";

/// The template's name, which precedes every key in an expression.
pub const TEMPLATE: &str = "Linux netstat by SNMP";

#[derive(Serialize)]
pub struct File {
    pub zabbix_export: Export,
}

#[derive(Serialize)]
pub struct Export {
    pub version: &'static str,
    pub groups: Vec<Group>,
    pub templates: Vec<Template>,
    pub triggers: Vec<Trigger>,
    pub graphs: Vec<Graph>,
}

#[derive(Serialize)]
pub struct Group {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub uuid: String,
    pub name: &'static str,
}

#[derive(Serialize)]
pub struct Template {
    pub uuid: String,
    pub template: &'static str,
    pub name: &'static str,
    pub description: String,
    pub groups: Vec<Group>,
    pub items: Vec<Item>,
    pub discovery_rules: Vec<Rule>,
    pub tags: Vec<Tag>,
    pub macros: Vec<Macro>,
    pub dashboards: Vec<Dashboard>,
    pub valuemaps: Vec<ValueMap>,
}

/// An item, or an item prototype.
#[derive(Serialize, Default)]
pub struct Item {
    pub uuid: String,
    pub name: String,
    #[serde(rename = "type")]
    pub kind: &'static str,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub snmp_oid: String,
    pub key: String,
    pub delay: &'static str,
    pub history: &'static str,
    /// Empty for the default of one year; 0 for texts, which have no trends.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub trends: &'static str,
    /// Empty for whole numbers, the default.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub value_type: &'static str,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub units: String,
    /// The formula of a calculated item.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub params: String,
    pub description: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub valuemap: Option<Named>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub preprocessing: Vec<Step>,
    pub tags: Vec<Tag>,
    /// The triggers that look at no other item.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub triggers: Vec<Trigger>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub trigger_prototypes: Vec<Trigger>,
}

#[derive(Serialize)]
pub struct Named {
    pub name: &'static str,
}

/// A preprocessing step.
#[derive(Serialize)]
pub struct Step {
    #[serde(rename = "type")]
    pub kind: &'static str,
    pub parameters: [String; 1],
    /// Empty for the step's default on failure.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub error_handler: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub error_handler_params: &'static str,
}

#[derive(Serialize, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tag {
    pub tag: &'static str,
    pub value: String,
}

#[derive(Serialize, Clone)]
pub struct Trigger {
    pub uuid: String,
    pub expression: String,
    pub recovery_mode: &'static str,
    pub recovery_expression: String,
    pub name: String,
    /// Empty if it is the name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub event_name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub opdata: String,
    pub priority: &'static str,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub manual_close: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dependencies: Vec<Dependency>,
    pub tags: Vec<Tag>,
}

/// Another trigger that suppresses this one. The format identifies it by name and expressions.
#[derive(Serialize, Clone)]
pub struct Dependency {
    pub name: String,
    pub expression: String,
    pub recovery_expression: String,
}

/// A low-level discovery rule.
#[derive(Serialize)]
pub struct Rule {
    pub uuid: String,
    pub name: &'static str,
    #[serde(rename = "type")]
    pub kind: &'static str,
    pub snmp_oid: String,
    pub key: &'static str,
    pub delay: &'static str,
    pub filter: Filter,
    pub lifetime: &'static str,
    pub description: &'static str,
    pub item_prototypes: Vec<Item>,
    /// Those that look at more than one item.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub trigger_prototypes: Vec<Trigger>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub graph_prototypes: Vec<Graph>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub preprocessing: Vec<Step>,
}

#[derive(Serialize)]
pub struct Filter {
    pub evaltype: &'static str,
    pub conditions: Vec<Condition>,
}

#[derive(Serialize)]
pub struct Condition {
    #[serde(rename = "macro")]
    pub name: &'static str,
    pub value: String,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub operator: &'static str,
    pub formulaid: &'static str,
}

#[derive(Serialize)]
pub struct Macro {
    #[serde(rename = "macro")]
    pub name: String,
    pub value: &'static str,
    pub description: &'static str,
}

#[derive(Serialize)]
pub struct ValueMap {
    pub uuid: String,
    pub name: &'static str,
    pub mappings: Vec<Mapping>,
}

#[derive(Serialize)]
pub struct Mapping {
    pub value: String,
    pub newvalue: String,
}

/// A graph, or a graph prototype.
#[derive(Serialize)]
pub struct Graph {
    pub uuid: String,
    pub name: String,
    #[serde(rename = "type", skip_serializing_if = "str::is_empty")]
    pub kind: &'static str,
    pub ymin_type_1: &'static str,
    pub graph_items: Vec<GraphItem>,
}

#[derive(Serialize)]
pub struct GraphItem {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub sortorder: String,
    pub color: &'static str,
    pub item: Reference<'static>,
}

/// An item by its host and key, or a graph by its host and name.
#[derive(Serialize)]
pub struct Reference<'a> {
    pub host: &'a str,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub key: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
}

#[derive(Serialize)]
pub struct Dashboard {
    pub uuid: String,
    pub name: &'static str,
    /// Whether it turns its pages automatically.
    pub auto_start: &'static str,
    pub pages: Vec<Page>,
}

#[derive(Serialize)]
pub struct Page {
    pub name: &'static str,
    pub widgets: Vec<Widget>,
}

#[derive(Serialize)]
pub struct Widget {
    #[serde(rename = "type")]
    pub kind: &'static str,
    #[serde(skip_serializing_if = "is_zero")]
    pub x: String,
    #[serde(skip_serializing_if = "is_zero")]
    pub y: String,
    pub width: String,
    pub height: String,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub hide_header: &'static str,
    pub fields: Vec<Field>,
}

fn is_zero(text: &str) -> bool {
    text == "0"
}

#[derive(Serialize)]
pub struct Field {
    #[serde(rename = "type")]
    pub kind: &'static str,
    pub name: &'static str,
    pub value: FieldValue,
}

#[derive(Serialize)]
#[serde(untagged)]
pub enum FieldValue {
    Plain(String),
    Reference(Reference<'static>),
}

pub fn tag(tag: &'static str, value: &str) -> Tag {
    Tag { tag, value: value.into() }
}

/// A UUID as Zabbix requires it: version 4, without dashes, and always the same for the same object. An import
/// recognizes existing objects by their UUID.
pub fn uuid(what: &str, key: &str) -> String {
    let name = format!("netstat-agentx/zabbix/{what}/{key}");
    let hash = uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_URL, name.as_bytes());
    let made = uuid::Builder::from_random_bytes(hash.into_bytes()).into_uuid();
    made.simple().to_string()
}
