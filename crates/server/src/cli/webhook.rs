//! `hospes webhook …`: where the host app is told what happens, as `/v1/webhooks` has it.

use super::{
    ask,
    open::{Opened, told},
    output::{self, Form},
};
use crate::{
    config::Config,
    fetch::{Fetch, FetchConfig},
    http::management::webhooks::{DeliveryObject, WebhookObject},
    keys::open_master_key,
    rfc3339,
    store::{Position, webhooks::Webhook},
    webhooks::{self, NewSecret},
};
use anyhow::Result;
use clap::Subcommand;
use hospes_protocol::{
    id::WebhookId,
    webhook::{NOT_FOUND, parse_kinds},
};
use serde_json::{Value, json};

/// How many of the last deliveries are shown.
const SHOWN: u32 = 10;

#[derive(Debug, Subcommand)]
pub enum WebhookCommand {
    /// Make a webhook; its secret is printed once
    Add {
        /// Where messages are posted to: an https URL
        #[arg(long)]
        url: String,
        /// A kind of events, as in user.disabled, or * for all; repeat for more
        #[arg(long = "kind", required = true)]
        kinds: Vec<String>,
    },
    /// List the webhooks, oldest first
    List,
    /// Show a webhook, and what was sent to it last
    Show { webhook_id: String },
    /// Remove a webhook; nothing more is sent to it
    Remove {
        webhook_id: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Make another secret, printed once; for 24 hours messages are signed with the one before as well
    RotateSecret { webhook_id: String },
}

impl WebhookCommand {
    pub(super) fn run(&self, config: &Config, form: Form) -> Result<()> {
        let opened = Opened::with_project(config)?;
        match self {
            Self::Add { url, kinds } => add(config, &opened, url, kinds, form),
            Self::List => list(&opened, form),
            Self::Show { webhook_id } => show(&opened, &WebhookId::new(webhook_id), form),
            Self::Remove { webhook_id, yes } => remove(&opened, &WebhookId::new(webhook_id), *yes, form),
            Self::RotateSecret { webhook_id } => rotate_secret(config, &opened, &WebhookId::new(webhook_id), form),
        }
    }
}

fn add(config: &Config, opened: &Opened, url: &str, kinds: &[String], form: Form) -> Result<()> {
    let fetch = Fetch::new(&FetchConfig::read(&config.fetch)?)?;
    let url = webhooks::parse_url(&fetch, url.to_owned()).map_err(told)?;
    let kinds = parse_kinds(kinds).map_err(told)?;
    let id = webhooks::new_id(&opened.project.id, &opened.database.entropy);
    let secret = draw(config, opened, &id)?;
    let webhook = webhooks::new(id, url, kinds, &secret, opened.now());
    let (added, stored, occasion) = (webhook.clone(), secret.clone(), opened.occasion());
    opened.write(move |tx, project| webhooks::add(tx, project, &added, &stored, &occasion).map_err(told))?;
    show_secret(webhook, &secret, form);
    Ok(())
}

fn list(opened: &Opened, form: Form) -> Result<()> {
    let found = opened.read(|tx, project| tx.list_webhooks(project))?;
    match form {
        Form::Json => {
            let webhooks: Vec<_> = found.into_iter().map(|own| WebhookObject::of(own, None)).collect();
            output::json(&json!({ "webhooks": webhooks }));
        }
        Form::Text => {
            let rows: Vec<_> = found
                .into_iter()
                .map(|own| [own.id.to_string(), own.url, own.kinds.join(", "), rfc3339::text(own.created_at)])
                .collect();
            output::table(["WEBHOOK ID", "URL", "KINDS", "MADE"], &rows);
        }
    }
    Ok(())
}

fn show(opened: &Opened, id: &WebhookId, form: Form) -> Result<()> {
    let id = id.clone();
    let (webhook, deliveries) = opened.read(move |tx, project| {
        let webhook = tx.find_webhook(project, &id)?.ok_or_else(|| told(NOT_FOUND))?;
        Ok((webhook, tx.list_deliveries(project, &id, &Position::END, SHOWN)?))
    })?;
    let deliveries: Vec<_> = deliveries.into_iter().map(DeliveryObject::from).collect();
    match form {
        Form::Json => {
            output::json(&json!({ "webhook": WebhookObject::of(webhook, None), "deliveries": deliveries }));
        }
        Form::Text => {
            output::fields(&fields(&webhook));
            let deliveries = json!(deliveries);
            let rows: Vec<_> = deliveries.as_array().into_iter().flatten().map(row).collect();
            if !rows.is_empty() {
                output::line("");
                output::table(["EVENT", "KIND", "STATE", "ATTEMPTS", "LAST ANSWER"], &rows);
            }
        }
    }
    Ok(())
}

fn fields(webhook: &Webhook) -> Vec<(&'static str, String)> {
    vec![
        ("webhook_id", webhook.id.to_string()),
        ("url", webhook.url.clone()),
        ("kinds", webhook.kinds.join(", ")),
        ("created_at", rfc3339::text(webhook.created_at)),
        ("updated_at", rfc3339::text(webhook.updated_at)),
    ]
}

fn row(delivery: &Value) -> [String; 5] {
    let last = if delivery["last_error"].is_null() { "last_status" } else { "last_error" };
    ["event_id", "kind", "state", "attempts", last].map(|name| match &delivery[name] {
        Value::Null => String::from("-"),
        Value::String(text) => text.clone(),
        value => value.to_string(),
    })
}

fn remove(opened: &Opened, id: &WebhookId, is_confirmed: bool, form: Form) -> Result<()> {
    if !is_confirmed {
        ask::confirm(&format!("Remove the webhook {id} with everything that waits to be sent to it?"))?;
    }
    let (gone, occasion) = (id.clone(), opened.occasion());
    opened.write(move |tx, project| webhooks::remove(tx, project, &gone, &occasion).map_err(told))?;
    match form {
        Form::Json => output::json(&json!({ "webhook_id": id, "removed": true })),
        Form::Text => output::line(format!("{id} is removed.")),
    }
    Ok(())
}

fn rotate_secret(config: &Config, opened: &Opened, id: &WebhookId, form: Form) -> Result<()> {
    let secret = draw(config, opened, id)?;
    let (id, stored, occasion) = (id.clone(), secret.clone(), opened.occasion());
    let webhook =
        opened.write(move |tx, project| webhooks::rotate_secret(tx, project, &id, &stored, &occasion).map_err(told))?;
    show_secret(webhook, &secret, form);
    Ok(())
}

fn draw(config: &Config, opened: &Opened, id: &WebhookId) -> Result<NewSecret> {
    let database = &opened.database;
    let master = open_master_key(&config.master_key, &database.store, &database.entropy)?;
    NewSecret::draw(&master, &opened.project.id, id, &database.entropy)
}

fn show_secret(webhook: Webhook, secret: &NewSecret, form: Form) {
    match form {
        Form::Json => output::json(&json!({ "webhook": WebhookObject::of(webhook, Some(secret.text.clone())) })),
        Form::Text => {
            let mut fields = fields(&webhook);
            fields.push(("secret", secret.text.clone()));
            output::fields(&fields);
            output::note(
                "\nKeep the secret now: it is stored encrypted, and not shown again. Receivers verify messages with it, \
                 as docs/guides/webhooks.md says.",
            );
        }
    }
}
