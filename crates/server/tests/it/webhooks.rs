//! `/v1/webhooks` and what arrives at them: signed, each event, also after failures and a restart.

use crate::app::{Host, Reply, TestApp};
use aws_lc_rs::hmac;
use base64ct::{Base64, Encoding as _};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    time::Duration,
};

const WEBHOOKS: &str = "/v1/webhooks";
/// A test looks so often whether something has happened; together 15 seconds at least.
const LOOKS: usize = 750;
const BETWEEN: Duration = Duration::from_millis(20);

/// The host app's receiver: an HTTP server that answers as the test says, and keeps what it was sent.
#[derive(Clone)]
struct Receiver {
    url: String,
    shared: Arc<Mutex<Shared>>,
}

#[derive(Default)]
struct Shared {
    messages: Vec<Message>,
    /// What the next requests get; 200 when there is none.
    statuses: VecDeque<u16>,
    delay: Duration,
}

#[derive(Debug, Clone)]
struct Message {
    headers: BTreeMap<String, String>,
    body: String,
}

impl Receiver {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let shared = Arc::<Mutex<Shared>>::default();
        let own = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (stream, shared) = (stream.unwrap(), Arc::clone(&own));
                std::thread::spawn(move || Self::answer(stream, &shared));
            }
        });
        Self { url, shared }
    }

    fn answering(statuses: &[u16]) -> Self {
        let receiver = Self::start();
        receiver.shared.lock().unwrap().statuses = statuses.iter().copied().collect();
        receiver
    }

    fn slow(delay: Duration) -> Self {
        let receiver = Self::start();
        receiver.shared.lock().unwrap().delay = delay;
        receiver
    }

    fn answer(mut stream: TcpStream, shared: &Mutex<Shared>) {
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let mut headers = BTreeMap::new();
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        assert_eq!(line.trim_end(), "POST /hook HTTP/1.1");
        loop {
            line.clear();
            reader.read_line(&mut line).unwrap();
            let Some((name, value)) = line.trim_end().split_once(": ") else { break };
            headers.insert(name.to_ascii_lowercase(), value.to_owned());
        }
        let mut body = vec![0; headers["content-length"].parse().unwrap()];
        reader.read_exact(&mut body).unwrap();
        let (status, delay) = {
            let mut shared = shared.lock().unwrap();
            shared.messages.push(Message { headers, body: String::from_utf8(body).unwrap() });
            (shared.statuses.pop_front().unwrap_or(200), shared.delay)
        };
        std::thread::sleep(delay);
        let location = "location: http://127.0.0.1:1/elsewhere";
        let _ = write!(stream, "HTTP/1.1 {status} X\r\n{location}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
    }

    fn messages(&self) -> Vec<Message> {
        self.shared.lock().unwrap().messages.clone()
    }

    /// Waits until so many messages have come.
    async fn wait_for(&self, count: usize) -> Vec<Message> {
        for _ in 0..LOOKS {
            let messages = self.messages();
            if messages.len() >= count {
                return messages;
            }
            tokio::time::sleep(BETWEEN).await;
        }
        panic!("only {} of {count} messages came", self.messages().len());
    }

    /// Waits for two looks of the job, and sees that nothing more has come.
    async fn stays_at(&self, count: usize) {
        tokio::time::sleep(Duration::from_millis(2500)).await;
        assert_eq!(self.messages().len(), count);
    }
}

impl Message {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    fn id(&self) -> &str {
        &self.headers["webhook-id"]
    }

    /// Whether one of the signatures is by `secret`, as a receiver checks it.
    fn is_signed_by(&self, secret: &str) -> bool {
        let key = Base64::decode_vec(secret.strip_prefix("whsec_").unwrap()).unwrap();
        let signed = format!("{}.{}.{}", self.id(), self.headers["webhook-timestamp"], self.body);
        self.headers["webhook-signature"].split(' ').any(|signature| {
            let signature = Base64::decode_vec(signature.strip_prefix("v1,").unwrap()).unwrap();
            hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, &key), signed.as_bytes(), &signature).is_ok()
        })
    }
}

async fn app() -> TestApp {
    TestApp::plan().set("fetch.allow", "127.0.0.0/8").start().await
}

async fn add(host: &Host, url: &str, kinds: &[&str]) -> (String, String) {
    let made = host.post(WEBHOOKS, json!({ "url": url, "kinds": kinds })).await.done()["webhook"].clone();
    (made["webhook_id"].as_str().unwrap().to_owned(), made["secret"].as_str().unwrap().to_owned())
}

async fn sign_out(host: &Host, user: &str) -> Reply {
    host.post(&format!("/v1/users/user-test-{user}/sign_out_everywhere"), json!({})).await
}

async fn deliveries(host: &Host, id: &str) -> Vec<Value> {
    host.get(&format!("{WEBHOOKS}/{id}/deliveries")).await.done()["deliveries"].as_array().unwrap().clone()
}

/// Waits until the first delivery has this state, after so many attempts of which the last was answered so.
async fn wait_until(host: &Host, id: &str, state: &str, attempts: i64, status: u16) -> Value {
    for _ in 0..LOOKS {
        let first = deliveries(host, id).await.remove(0);
        if first["state"] == state && first["attempts"] == attempts && first["last_status"] == status {
            return first;
        }
        tokio::time::sleep(BETWEEN).await;
    }
    panic!("not {state} after {attempts} attempts: {:?}", deliveries(host, id).await);
}

#[tokio::test]
async fn a_webhook_is_made_shown_changed_and_deleted() {
    let app = app().await;
    let host = app.host();
    let asked = json!({ "url": "https://app.example/hook", "kinds": ["user.added", "consent.given", "user.added"] });
    let made = host.post(WEBHOOKS, asked).await.done()["webhook"].clone();
    let id = made["webhook_id"].as_str().unwrap();
    assert!(id.starts_with("webhook-test-"), "{made}");
    let secret = made["secret"].as_str().unwrap();
    assert_eq!(Base64::decode_vec(secret.strip_prefix("whsec_").unwrap()).unwrap().len(), 32);
    assert_eq!(made["kinds"], json!(["consent.given", "user.added"]));
    let path = format!("{WEBHOOKS}/{id}");
    let shown = host.get(&path).await.done()["webhook"].clone();
    assert_eq!((&shown["url"], shown.get("secret")), (&json!("https://app.example/hook"), None));
    assert_eq!(host.get(WEBHOOKS).await.done()["webhooks"], json!([shown]));
    let changed = host.put(&path, json!({ "kinds": ["*"], "url": null })).await.done()["webhook"].clone();
    assert_eq!((&changed["url"], &changed["kinds"]), (&shown["url"], &json!(["*"])));
    host.put(&path, json!({})).await.done();

    for url in [
        "http://app.example/hook",
        "https://10.0.0.1/hook",
        "https://[::1]:9/hook",
        "https://u:p@app.example/",
        "hook",
        "https://app.example/#f",
        "https://app.example:22/",
    ] {
        host.post(WEBHOOKS, json!({ "url": url, "kinds": ["*"] })).await.refused_by_api(400, "invalid_argument");
        host.put(&path, json!({ "url": url })).await.refused_by_api(400, "invalid_argument");
    }
    for kinds in [json!([]), json!(["*", "user.added"]), json!(["user.*"]), json!("*")] {
        let asked = json!({ "url": "https://app.example/hook", "kinds": kinds });
        host.post(WEBHOOKS, asked).await.refused_by_api(400, "invalid_argument");
        host.put(&path, json!({ "kinds": kinds })).await.refused_by_api(400, "invalid_argument");
    }
    assert_eq!(host.get(&path).await.done()["webhook"], changed);

    host.delete(&path).await.done();
    host.delete(&path).await.refused_by_api(404, "webhook_not_found");
    host.get(&path).await.refused_by_api(404, "webhook_not_found");
    host.put(&path, json!({})).await.refused_by_api(404, "webhook_not_found");
    host.post(&format!("{path}/rotate_secret"), json!({})).await.refused_by_api(404, "webhook_not_found");
    host.get(&format!("{path}/deliveries")).await.refused_by_api(404, "webhook_not_found");
    let events = host.get("/v1/audit_events").await.done()["audit_events"].clone();
    let mut kinds: Vec<_> = events.as_array().unwrap().iter().map(|own| own["kind"].as_str().unwrap()).collect();
    kinds.sort_unstable();
    assert_eq!(kinds, ["webhook.added", "webhook.changed", "webhook.removed"]);
    assert!(!events.to_string().contains(secret));
}

#[tokio::test]
async fn forty_at_once_make_ten_webhooks() {
    let app = app().await;
    let sibling = app.another_process().await;
    let mut calls = tokio::task::JoinSet::new();
    for n in 0..40 {
        let host = if n % 2 == 0 { app.host() } else { app.host().at(&sibling.base) };
        calls.spawn(async move {
            let asked = json!({ "url": "https://app.example/hook", "kinds": ["user.added"] });
            let reply = host.post(WEBHOOKS, asked).await;
            if reply.status != 200 {
                reply.refused_by_api(400, "too_many_webhooks");
            }
            reply.status
        });
    }
    let made = calls.join_all().await.into_iter().filter(|status| *status == 200).count();
    assert_eq!(made, 10);
    assert_eq!(app.host().get(WEBHOOKS).await.done()["webhooks"].as_array().unwrap().len(), 10);
}

#[tokio::test]
async fn an_event_arrives_signed_and_with_the_old_secret_too_for_a_day() {
    let (app, receiver) = (app().await, Receiver::start());
    let host = app.host();
    let (id, secret) = add(&host, &receiver.url, &["user.signed_out", "refresh_token.reused"]).await;
    sign_out(&host, "nobody").await.refused_by_api(404, "user_not_found");
    host.post("/v1/users/user-test-bob/disable", json!({})).await.done();
    sign_out(&host, "alice").await.done();
    let message = receiver.wait_for(1).await.remove(0);
    let event = host.get("/v1/audit_events?kind=user.signed_out").await.done()["audit_events"][0].clone();
    assert_eq!(message.id(), event["event_id"].as_str().unwrap());
    assert_eq!(message.headers["webhook-timestamp"], app.now().0.to_string());
    assert_eq!(message.headers["content-type"], "application/json");
    assert!(message.is_signed_by(&secret) && !message.headers["webhook-signature"].contains(' '));
    let body = message.json();
    assert_eq!((&body["type"], &body["timestamp"]), (&json!("user.signed_out"), &event["occurred_at"]));
    for member in ["event_id", "kind", "actor", "user_id", "detail", "occurred_at"] {
        assert_eq!(body["data"][member], event[member], "{member}: {body}");
    }
    assert_eq!(body["data"]["project_id"], app.app.project.as_str());
    let sent = wait_until(&host, &id, "delivered", 1, 200).await;
    assert_eq!(sent["kind"], "user.signed_out");
    assert!(sent.get("next_attempt_at").is_none() && sent["ended_at"].is_string(), "{sent}");

    let next = host.post(&format!("{WEBHOOKS}/{id}/rotate_secret"), json!({})).await.done()["webhook"].clone();
    let next = next["secret"].as_str().unwrap();
    assert_ne!(next, secret);
    sign_out(&host, "alice").await.done();
    let message = receiver.wait_for(2).await.remove(1);
    assert!(message.is_signed_by(next) && message.is_signed_by(&secret));
    app.advance(24 * 60 * 60);
    sign_out(&host, "alice").await.done();
    let message = receiver.wait_for(3).await.remove(2);
    assert!(message.is_signed_by(next) && !message.is_signed_by(&secret));

    // A refusal that is an event is sent like any other.
    let spa = app.client("spa");
    let first = app.tokens("spa", "alice").await.refresh_token;
    spa.refresh(&first).await.tokens();
    app.advance(3600);
    spa.refresh(&first).await.refused(400, "invalid_grant");
    let message = receiver.wait_for(4).await.remove(3);
    assert_eq!(message.json()["data"]["client_id"], "spa");
    receiver.stays_at(4).await;
}

#[tokio::test]
async fn a_receiver_that_fails_is_asked_again_until_it_takes_the_message() {
    let (app, receiver) = (app().await, Receiver::answering(&[500, 302, 204]));
    let host = app.host();
    let (id, _) = add(&host, &receiver.url, &["user.signed_out"]).await;
    sign_out(&host, "alice").await.done();
    let failed = wait_until(&host, &id, "pending", 1, 500).await;
    assert_eq!(failed["next_attempt_at"], "2027-01-15T08:00:05Z");
    receiver.stays_at(1).await;
    app.advance(5);
    // A redirect is not followed: it is a failure.
    let failed = wait_until(&host, &id, "pending", 2, 302).await;
    assert_eq!(failed["next_attempt_at"], "2027-01-15T08:00:35Z");
    app.advance(30);
    wait_until(&host, &id, "delivered", 3, 204).await;
    let ids: BTreeSet<_> = receiver.messages().iter().map(|message| message.id().to_owned()).collect();
    assert_eq!(ids.len(), 1, "every attempt has the same id");
    app.advance(10 * 60 * 60);
    receiver.stays_at(3).await;
}

#[tokio::test]
async fn a_message_that_nobody_takes_for_three_days_is_given_up_and_stays_visible() {
    let (app, receiver) = (app().await, Receiver::answering(&[500, 500]));
    let host = app.host();
    let (id, _) = add(&host, &receiver.url, &["user.signed_out"]).await;
    sign_out(&host, "alice").await.done();
    wait_until(&host, &id, "pending", 1, 500).await;
    app.advance(3 * 24 * 60 * 60);
    let given_up = wait_until(&host, &id, "given_up", 2, 500).await;
    assert!(given_up["ended_at"].is_string() && given_up.get("next_attempt_at").is_none(), "{given_up}");
    app.advance(24 * 60 * 60);
    receiver.stays_at(2).await;
}

#[tokio::test]
async fn what_waits_is_sent_after_a_restart() {
    let (mut app, receiver) = (app().await, Receiver::answering(&[503]));
    let host = app.host();
    let (id, secret) = add(&host, &receiver.url, &["user.signed_out"]).await;
    sign_out(&host, "alice").await.done();
    wait_until(&host, &id, "pending", 1, 503).await;
    app.stop().await;
    app.advance(5);
    receiver.stays_at(1).await;
    let next = app.another_process().await;
    let messages = receiver.wait_for(2).await;
    assert_eq!(messages[0].id(), messages[1].id());
    assert!(messages[1].is_signed_by(&secret));
    wait_until(&host.at(&next.base), &id, "delivered", 2, 200).await;
}

#[tokio::test]
async fn forty_events_arrive_once_each_from_two_processes() {
    let (app, receiver) = (app().await, Receiver::start());
    let sibling = app.another_process().await;
    let host = app.host();
    let (id, _) = add(&host, &receiver.url, &["user.signed_out"]).await;
    let mut calls = tokio::task::JoinSet::new();
    for n in 0..40 {
        let host = if n % 2 == 0 { host.clone() } else { host.at(&sibling.base) };
        calls.spawn(async move { sign_out(&host, if n % 3 == 0 { "alice" } else { "bob" }).await.done() });
    }
    calls.join_all().await;
    receiver.wait_for(40).await;
    receiver.stays_at(40).await;
    let ids: BTreeSet<_> = receiver.messages().iter().map(|message| message.id().to_owned()).collect();
    assert_eq!(ids.len(), 40);
    let mut seen = 0;
    let mut cursor = String::new();
    loop {
        let path = format!("{WEBHOOKS}/{id}/deliveries?limit=15&cursor={cursor}");
        let page = host.get(&path).await.done();
        let sent = page["deliveries"].as_array().unwrap();
        assert!(sent.iter().all(|own| own["state"] == "delivered" && own["attempts"] == 1), "{page}");
        seen += sent.len();
        match page["next_cursor"].as_str() {
            Some(next) => next.clone_into(&mut cursor),
            None => break,
        }
    }
    assert_eq!(seen, 40);
    for query in ["limit=0", "limit=x", "cursor=!"] {
        let path = format!("{WEBHOOKS}/{id}/deliveries?{query}");
        host.get(&path).await.refused_by_api(400, "invalid_argument");
    }
}

#[tokio::test]
async fn a_deleted_webhook_gets_nothing_more_and_a_moved_one_gets_what_waits() {
    let app = app().await;
    let (gone, old, new) = (Receiver::answering(&[500]), Receiver::answering(&[500]), Receiver::start());
    let host = app.host();
    let (deleted, _) = add(&host, &gone.url, &["user.signed_out"]).await;
    let (moved, _) = add(&host, &old.url, &["user.signed_out"]).await;
    sign_out(&host, "alice").await.done();
    wait_until(&host, &deleted, "pending", 1, 500).await;
    wait_until(&host, &moved, "pending", 1, 500).await;
    host.delete(&format!("{WEBHOOKS}/{deleted}")).await.done();
    host.put(&format!("{WEBHOOKS}/{moved}"), json!({ "url": new.url })).await.done();
    app.advance(5);
    new.wait_for(1).await;
    gone.stays_at(1).await;
    assert_eq!(old.messages().len(), 1);
}

/// A receiver that does not answer costs its own messages time, and nobody else's.
#[tokio::test]
async fn a_slow_receiver_stalls_nothing_else() {
    let app = app().await;
    let (slow, quick) = (Receiver::slow(Duration::from_secs(30)), Receiver::start());
    let host = app.host();
    let (id, _) = add(&host, &slow.url, &["*"]).await;
    add(&host, &quick.url, &["user.signed_out"]).await;
    for _ in 0..10 {
        sign_out(&host, "alice").await.done();
    }
    slow.wait_for(4).await;
    sign_out(&host, "bob").await.done();
    // Before the first of the slow ones has run into its time limit.
    tokio::time::timeout(Duration::from_secs(4), quick.wait_for(11)).await.unwrap();
    assert!(slow.messages().len() <= 8, "only a few at a time");
    // It is noted as a failure after the time limit.
    let has_failed = |own: &Value| own["last_error"].is_string();
    for _ in 0..LOOKS {
        if deliveries(&host, &id).await.iter().any(has_failed) {
            break;
        }
        tokio::time::sleep(BETWEEN).await;
    }
    let failed = deliveries(&host, &id).await.into_iter().find(has_failed).unwrap();
    assert_eq!((&failed["state"], failed.get("last_status")), (&json!("pending"), None), "{failed}");
}

#[tokio::test]
async fn each_project_has_its_own_webhooks() {
    let (app, here, there) = (app().await, Receiver::start(), Receiver::start());
    let neighbour = app.neighbour("").await;
    add(&app.host(), &here.url, &["user.signed_out"]).await;
    let (_, secret) = add(&neighbour.host(), &there.url, &["*"]).await;
    sign_out(&neighbour.host(), "alice").await.done();
    let messages = there.wait_for(2).await;
    let kinds: BTreeSet<_> =
        messages.iter().map(|message| message.json()["type"].as_str().unwrap().to_owned()).collect();
    // It hears of itself, too: what `*` means, and a way to see that it works.
    assert_eq!(kinds, BTreeSet::from(["user.signed_out".to_owned(), "webhook.added".to_owned()]));
    assert!(messages.iter().all(|own| own.is_signed_by(&secret)));
    assert!(messages.iter().all(|own| own.json()["data"]["project_id"] == neighbour.project.as_str()));
    here.stays_at(0).await;
}
