//! Somebody who uses the server while it is killed, and remembers what it acknowledged.
//!
//! An actor owns everything that it asks for: nobody else presents its codes and tokens, so it knows what each must be
//! worth. A request that was answered holds for ever. One that was not answered may have been carried out or not, but
//! never half: the next attempt tells. Whatever contradicts this is written down as a finding.

use super::{
    http::{Answer, Connection, Cookies, Lost, encoded},
    place::{API_SECRET, CALLBACK, SECRET},
};
use crate::app::{Form, PASSWORD, html};
use aws_lc_rs::digest::{SHA256, digest};
use base64ct::{Base64, Base64UrlUnpadded, Encoding as _};
use hospes_protocol::refresh_token::Presented;
use serde_json::Value;
use std::{
    fmt,
    net::SocketAddr,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

/// What the actors and the test tell each other.
#[derive(Default)]
pub(super) struct Weather {
    /// No flush succeeds from now on.
    pub(super) flushes_fail: AtomicBool,
    /// The server is, or soon will be, killed.
    pub(super) kill_is_near: AtomicBool,
    /// The actors are to end.
    pub(super) is_over: AtomicBool,
    /// How many actors have checked what they hold.
    pub(super) checked: AtomicUsize,
    /// How many requests were answered 503.
    pub(super) unavailable: AtomicUsize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// Acknowledged and gone.
    Missing,
    /// Used up or ended, and back again.
    CameBack,
    /// Acknowledged although no flush succeeded.
    Early,
    /// An answer that should never be given.
    Odd,
}

pub(super) struct Finding {
    pub(super) kind: Kind,
    words: String,
}

impl fmt::Debug for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.kind, self.words)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum App {
    /// Public, with a window in which a superseded refresh token yields its successor again.
    Public,
    /// Public, without one.
    Strict,
    /// Confidential and the host's own.
    First,
    /// Confidential; the user is asked.
    Third,
}

impl App {
    const fn id(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Strict => "strict",
            Self::First => "first",
            Self::Third => "third",
        }
    }

    const fn rotates(self) -> bool {
        matches!(self, Self::Public | Self::Strict)
    }
}

/// A code that may still be good.
#[derive(Clone)]
struct Code {
    app: App,
    text: String,
    verifier: String,
    asked_at: Instant,
    /// A redemption was sent and not answered.
    is_tried: bool,
}

/// Tokens that must be good, unless a doubt says otherwise.
struct Family {
    code: Code,
    refresh: String,
    /// The one before, answered with `refresh`.
    previous: Option<String>,
    access: Option<String>,
    /// A rotation was sent and not answered.
    may_be_rotated: bool,
    /// Something that ends it was sent and not answered.
    may_be_over: bool,
}

/// Tokens that must never be good again.
struct Ended {
    code: Code,
    refresh: String,
    access: Option<String>,
}

/// A consent page that this actor has open, or had.
struct Question {
    form: Form,
    verifier: String,
    /// Allow was sent and not answered.
    is_tried: bool,
    is_answered: bool,
}

/// How the server settled a request.
enum Said {
    Yes(Value),
    No(String),
    /// It says itself that it does not know: 503.
    Unknown,
}

#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Tally {
    pub(super) codes: usize,
    pub(super) redemptions: usize,
    pub(super) refreshes: usize,
    pub(super) endings: usize,
    pub(super) decisions: usize,
    pub(super) lost: usize,
    pub(super) unavailable: usize,
    pub(super) checks: usize,
}

pub(super) struct Actor {
    name: String,
    random: u64,
    cookies: Cookies,
    codes: Vec<Code>,
    families: Vec<Family>,
    ended: Vec<Ended>,
    /// Redeemed or void codes without a family of ours.
    spent: Vec<Code>,
    /// Access tokens revoked by themselves.
    listed: Vec<String>,
    questions: Vec<Question>,
    pub(super) findings: Vec<Finding>,
    pub(super) tally: Tally,
}

/// How many families an actor tends, and how many of each kind of old things it looks at again after a kill.
const FAMILIES: usize = 4;
const OLD: usize = 2;
/// A code lives a minute; from here on its age may be why it is refused.
const CODE_IS_OLD: Duration = Duration::from_secs(40);

impl Actor {
    pub(super) fn new(number: usize) -> Self {
        Self {
            name: format!("user{number}"),
            random: 0x9e37_79b9_7f4a_7c15 ^ (u64::from(std::process::id()) << 20) ^ u64::try_from(number + 1).unwrap(),
            cookies: Cookies::new(),
            codes: Vec::new(),
            families: Vec::new(),
            ended: Vec::new(),
            spent: Vec::new(),
            listed: Vec::new(),
            questions: Vec::new(),
            findings: Vec::new(),
            tally: Tally::default(),
        }
    }

    /// The only time that a password is typed.
    pub(super) fn log_in(&mut self, address: SocketAddr) {
        let mut http = Connection::open(address).unwrap();
        let page = http.get("/login", &mut self.cookies).unwrap();
        let form = Form::of(&page.body).unwrap().with("username", &self.name).with("password", PASSWORD);
        let answer = http.post("/login", &mut self.cookies, None, &borrowed(&form.fields)).unwrap();
        assert_eq!((answer.status, answer.header("location")), (303, "/account/apps"), "{}", answer.body);
    }

    /// Checks what it holds and then uses the server until the weather is over, or the server dies.
    pub(super) fn live(&mut self, address: SocketAddr, weather: &Weather) {
        let lived = Connection::open(address).and_then(|http| {
            let mut turn = Turn { actor: self, http, weather };
            turn.check(OLD)?;
            weather.checked.fetch_add(1, Ordering::SeqCst);
            while !weather.is_over.load(Ordering::SeqCst) {
                turn.act()?;
            }
            Ok(())
        });
        self.end(lived, weather);
    }

    /// Checks what a kill may have hurt, and forgets what is older.
    pub(super) fn check_newest(&mut self, address: SocketAddr, weather: &Weather) {
        let checked = Connection::open(address).and_then(|http| Turn { actor: self, http, weather }.check(OLD)).is_ok();
        assert!(checked);
        self.families.truncate(2);
    }

    /// Checks everything that it holds, as long as there is time.
    pub(super) fn check_all(&mut self, address: SocketAddr, weather: &Weather) {
        let checked = Connection::open(address).and_then(|http| {
            let mut turn = Turn { actor: self, http, weather };
            turn.check(usize::MAX)
        });
        self.end(checked, weather);
    }

    /// One thing of one kind, for tests that kill at a certain point of it. Whether it was answered.
    pub(super) fn do_once(&mut self, deed: Deed, address: SocketAddr, weather: &Weather) -> bool {
        let done = Connection::open(address).and_then(|http| Turn { actor: self, http, weather }.deed(deed));
        done.is_ok()
    }

    /// Gets what a deed is done to, such as a code to redeem.
    pub(super) fn prepare(&mut self, deed: Deed, address: SocketAddr, weather: &Weather) {
        let http = Connection::open(address).unwrap();
        Turn { actor: self, http, weather }.prepare(deed).unwrap();
    }

    fn end(&mut self, ended: Result<(), Lost>, weather: &Weather) {
        if ended.is_err() {
            self.tally.lost += 1;
            if !weather.kill_is_near.load(Ordering::SeqCst) {
                self.find(Kind::Odd, "the connection broke although nobody killed the server");
            }
        }
    }

    fn find(&mut self, kind: Kind, words: impl Into<String>) {
        let words = format!("{}: {}", self.name, words.into());
        self.findings.push(Finding { kind, words });
    }

    fn below(&mut self, limit: usize) -> usize {
        // xorshift64*
        self.random ^= self.random >> 12;
        self.random ^= self.random << 25;
        self.random ^= self.random >> 27;
        let high = self.random.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(high).unwrap() % limit.max(1)
    }

    fn verifier(&mut self) -> String {
        (0..43).map(|_| char::from(b'a' + u8::try_from(self.below(26)).unwrap())).collect()
    }
}

/// What an actor can be told to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Deed {
    Redeem,
    Rotate,
    Revoke,
    Decide,
}

/// An actor with a connection.
struct Turn<'a> {
    actor: &'a mut Actor,
    http: Connection,
    weather: &'a Weather,
}

impl Turn<'_> {
    fn act(&mut self) -> Result<(), Lost> {
        let roll = self.actor.below(100);
        let (codes, families) = (self.actor.codes.len(), self.actor.families.len());
        let (any_code, any_family) = (self.actor.below(codes), self.actor.below(families));
        match roll {
            0..20 if codes < 4 => {
                let app = [App::Public, App::Public, App::Strict, App::First][self.actor.below(4)];
                self.authorize(app)
            }
            0..40 if codes > 0 && families < FAMILIES => self.redeem(any_code),
            0..72 if families > 0 => self.refresh(any_family),
            72..77 if families > 0 => self.revoke(any_family),
            77..81 if families > 0 => self.replay(any_family),
            81..84 if families > 0 => self.list(any_family),
            84..90 if families > 0 => self.reuse(any_family),
            90..97 => self.consent(),
            97 => self.disconnect(),
            _ => self.authorize(App::Public),
        }
    }

    fn prepare(&mut self, deed: Deed) -> Result<(), Lost> {
        match deed {
            Deed::Redeem => self.authorize(App::Public),
            Deed::Rotate | Deed::Revoke => {
                self.authorize(App::Public)?;
                self.redeem(self.actor.codes.len() - 1)
            }
            Deed::Decide => self.ask(),
        }
    }

    /// Does it to what was prepared last.
    fn deed(&mut self, deed: Deed) -> Result<(), Lost> {
        match deed {
            Deed::Redeem => self.redeem(self.actor.codes.len() - 1),
            Deed::Rotate => self.refresh(self.actor.families.len() - 1),
            Deed::Revoke => self.revoke(self.actor.families.len() - 1),
            Deed::Decide => self.decide(self.actor.questions.len() - 1),
        }
    }

    // ------------------------------------------------------------ what an actor does

    fn authorize(&mut self, app: App) -> Result<(), Lost> {
        let (verifier, asked_at) = (self.actor.verifier(), Instant::now());
        let Some(answer) = self.fetch(&authorization(app, &verifier, ""), true)? else { return Ok(()) };
        match answer.redirected_with("code") {
            Some(text) => {
                self.actor.tally.codes += 1;
                self.actor.codes.push(Code { app, text, verifier, asked_at, is_tried: false });
            }
            None => self.actor.find(
                Kind::Missing,
                format!("signed in, but no code: {} {}", answer.status, answer.header("location")),
            ),
        }
        Ok(())
    }

    fn redeem(&mut self, at: usize) -> Result<(), Lost> {
        let code = self.actor.codes[at].clone();
        self.actor.codes[at].is_tried = true;
        let said = self.redemption(&code)?;
        if matches!(said, Said::Unknown) {
            return Ok(());
        }
        self.actor.codes.swap_remove(at);
        match said {
            Said::Yes(tokens) => {
                self.actor.tally.redemptions += 1;
                let family = Family {
                    code,
                    refresh: text(&tokens, "refresh_token"),
                    previous: None,
                    access: Some(text(&tokens, "access_token")),
                    may_be_rotated: false,
                    may_be_over: false,
                };
                self.actor.families.push(family);
            }
            Said::No(why) => {
                if !code.is_tried && code.asked_at.elapsed() < CODE_IS_OLD {
                    self.actor.find(Kind::Missing, format!("a code of {} is refused: {why}", code.app.id()));
                }
                self.actor.spent.push(code);
            }
            Said::Unknown => {}
        }
        Ok(())
    }

    fn refresh(&mut self, at: usize) -> Result<(), Lost> {
        let family = &mut self.actor.families[at];
        let (app, old) = (family.code.app, family.refresh.clone());
        let (was_rotated, was_over) = (family.may_be_rotated, family.may_be_over);
        family.may_be_rotated |= app.rotates();
        match self.rotation(app, &old)? {
            Said::Unknown => {}
            Said::Yes(tokens) => {
                self.actor.tally.refreshes += 1;
                let new = text(&tokens, "refresh_token");
                let step = u32::from(app.rotates());
                if generation(&new) != generation(&old) + step || (!app.rotates() && new != old) {
                    let (from, to) = (generation(&old), generation(&new));
                    self.actor.find(Kind::Odd, format!("{} went from generation {from} to {to}", app.id()));
                }
                let family = &mut self.actor.families[at];
                family.previous = app.rotates().then_some(old);
                family.refresh = new;
                family.access = Some(text(&tokens, "access_token"));
                (family.may_be_rotated, family.may_be_over) = (false, false);
            }
            Said::No(why) => {
                // Without a window a lost answer is a lost family.
                let is_explained = was_over || (was_rotated && app == App::Strict);
                if !is_explained {
                    self.actor.find(Kind::Missing, format!("a refresh token of {} is refused: {why}", app.id()));
                }
                self.bury(at);
            }
        }
        Ok(())
    }

    fn revoke(&mut self, at: usize) -> Result<(), Lost> {
        let family = &mut self.actor.families[at];
        let (app, token) = (family.code.app, family.refresh.clone());
        family.may_be_over = true;
        match self.token("/oauth2/revoke", app, &[("token", &token)])? {
            Said::Yes(_) => self.end(at),
            Said::No(why) => self.actor.find(Kind::Odd, format!("a revocation is refused: {why}")),
            Said::Unknown => {}
        }
        Ok(())
    }

    /// Revokes an access token by itself; its family lives on.
    fn list(&mut self, at: usize) -> Result<(), Lost> {
        let family = &mut self.actor.families[at];
        let (app, Some(token)) = (family.code.app, family.access.take()) else { return Ok(()) };
        if let Said::Yes(_) = self.token("/oauth2/revoke", app, &[("token", &token)])? {
            self.actor.tally.endings += 1;
            self.actor.listed.push(token);
        }
        Ok(())
    }

    /// Redeems a code again, which must end what came of it.
    fn replay(&mut self, at: usize) -> Result<(), Lost> {
        self.actor.families[at].may_be_over = true;
        let code = self.actor.families[at].code.clone();
        match self.redemption(&code)? {
            Said::Yes(_) => self.actor.find(Kind::CameBack, format!("a code of {} was redeemed twice", code.app.id())),
            Said::No(_) => self.end(at),
            Said::Unknown => {}
        }
        Ok(())
    }

    /// Without a window, presents a superseded refresh token again: theft, which ends the family.
    fn reuse(&mut self, at: usize) -> Result<(), Lost> {
        let family = &mut self.actor.families[at];
        let (App::Strict, Some(previous)) = (family.code.app, family.previous.clone()) else { return self.refresh(at) };
        family.may_be_over = true;
        match self.rotation(App::Strict, &previous)? {
            Said::Yes(_) => self.actor.find(Kind::CameBack, "a superseded refresh token was taken again"),
            Said::No(_) => self.end(at),
            Said::Unknown => {}
        }
        Ok(())
    }

    fn consent(&mut self) -> Result<(), Lost> {
        match self.actor.questions.iter().position(|question| !question.is_answered) {
            Some(question) => self.decide(question),
            None => self.ask(),
        }
    }

    /// Opens a consent page.
    fn ask(&mut self) -> Result<(), Lost> {
        let verifier = self.actor.verifier();
        let target = authorization(App::Third, &verifier, "consent");
        let Some(answer) = self.fetch(&target, true)? else { return Ok(()) };
        let page = answer.header("location").to_owned();
        if answer.status != 303 || !page.starts_with("/consent?") {
            self.actor.find(Kind::Missing, format!("signed in, but asked for {page} ({})", answer.status));
            return Ok(());
        }
        let Some(answer) = self.fetch(&page, false)? else { return Ok(()) };
        if html::page(&answer.body) != Some("consent") {
            self.actor.find(Kind::Missing, format!("no consent page for a new interaction: {}", answer.status));
            return Ok(());
        }
        let form = Form::of(&answer.body).unwrap().press("allow");
        self.actor.questions.push(Question { form, verifier, is_tried: false, is_answered: false });
        Ok(())
    }

    /// Allows; what was allowed before must not yield a second code.
    fn decide(&mut self, at: usize) -> Result<(), Lost> {
        let question = &mut self.actor.questions[at];
        let (form, verifier, was_tried) = (question.form.clone(), question.verifier.clone(), question.is_tried);
        question.is_tried = true;
        let (asked_at, was_answered) = (Instant::now(), question.is_answered);
        // What is known to be answered is refused by a look at it, without a write.
        let writes = (!was_answered).then_some("/consent");
        let Some(answer) = self.submit(&form, writes)? else { return Ok(()) };
        self.actor.questions[at].is_answered = true;
        match answer.redirected_with("code") {
            Some(_) if was_answered => self.actor.find(Kind::CameBack, "a consent was taken twice"),
            Some(text) => {
                self.actor.tally.decisions += 1;
                self.actor.codes.push(Code { app: App::Third, text, verifier, asked_at, is_tried: false });
            }
            None if was_answered || was_tried => {}
            None => self.actor.find(Kind::Missing, format!("a consent is refused: {}", answer.status)),
        }
        Ok(())
    }

    /// Disconnects the third party, which ends all that this user gave it.
    fn disconnect(&mut self) -> Result<(), Lost> {
        let Some(answer) = self.fetch("/account/apps", false)? else { return Ok(()) };
        if html::page(&answer.body) != Some("apps") {
            self.actor.find(Kind::Missing, format!("signed in, but no list of apps: {}", answer.status));
            return Ok(());
        }
        let form = Form::of(&answer.body).unwrap();
        if !form.buttons.iter().any(|(_, value)| value == App::Third.id()) {
            return Ok(());
        }
        for family in self.actor.families.iter_mut().filter(|family| family.code.app == App::Third) {
            family.may_be_over = true;
        }
        for code in self.actor.codes.iter_mut().filter(|code| code.app == App::Third) {
            code.is_tried = true;
        }
        for question in &mut self.actor.questions {
            question.is_tried = true;
        }
        let form = form.press(App::Third.id());
        let Some(answer) = self.submit(&form, Some("/account/apps"))? else { return Ok(()) };
        if !answer.header("location").contains("disconnected") {
            self.actor.find(Kind::Odd, format!("a disconnect is refused: {}", answer.status));
            return Ok(());
        }
        for at in (0..self.actor.families.len()).rev() {
            if self.actor.families[at].code.app == App::Third {
                self.end(at);
            }
        }
        let (ended, others) =
            std::mem::take(&mut self.actor.codes).into_iter().partition(|code| code.app == App::Third);
        self.actor.codes = others;
        self.actor.spent.extend::<Vec<Code>>(ended);
        for question in &mut self.actor.questions {
            question.is_answered = true;
        }
        Ok(())
    }

    fn end(&mut self, at: usize) {
        self.actor.tally.endings += 1;
        self.bury(at);
    }

    fn bury(&mut self, at: usize) {
        let Family { code, refresh, access, .. } = self.actor.families.swap_remove(at);
        self.actor.ended.push(Ended { code, refresh, access });
    }

    // ------------------------------------------------------------ what an actor checks

    /// Everything that is in use or in doubt, and of what is over the newest and up to `old` others.
    fn check(&mut self, old: usize) -> Result<(), Lost> {
        let begun = Instant::now();
        for at in (0..self.actor.codes.len()).rev() {
            if self.actor.codes[at].is_tried || self.actor.below(2) == 0 {
                self.redeem(at)?;
                self.actor.tally.checks += 1;
            }
        }
        for at in (0..self.actor.families.len()).rev() {
            self.check_family(at)?;
            self.actor.tally.checks += 1;
        }
        for at in (0..self.actor.questions.len()).rev() {
            if self.actor.questions[at].is_tried {
                self.decide(at)?;
                self.actor.tally.checks += 1;
            }
        }
        if self.actor.questions.len() > 8 {
            self.actor.questions.retain(|question| !question.is_answered);
        }
        for at in self.sample(self.actor.ended.len(), old) {
            self.check_ended(at)?;
            if begun.elapsed() > Duration::from_secs(20) {
                break;
            }
        }
        for at in self.sample(self.actor.spent.len(), old) {
            let code = self.actor.spent[at].clone();
            self.stays_refused(&code)?;
        }
        for at in self.sample(self.actor.listed.len(), old) {
            let token = self.actor.listed[at].clone();
            if self.introspect(&token)? == Some(true) {
                self.actor.find(Kind::CameBack, "a revoked access token is active");
            }
            self.actor.tally.checks += 1;
        }
        Ok(())
    }

    /// The newest few, and some of the rest.
    fn sample(&mut self, length: usize, some: usize) -> Vec<usize> {
        let newest = length.saturating_sub(some)..length;
        let older = (0..some.min(newest.start)).map(|_| self.actor.below(newest.start)).collect::<Vec<_>>();
        newest.rev().chain(older).collect()
    }

    fn check_family(&mut self, at: usize) -> Result<(), Lost> {
        let family = &self.actor.families[at];
        let (app, id) = (family.code.app, family.code.app.id());
        let before = family.refresh.clone();
        if family.may_be_over || family.may_be_rotated {
            self.refresh(at)?;
            let lives = self.actor.families.get(at).is_some_and(|family| family.previous.as_ref() == Some(&before));
            if app == App::Public && lives {
                self.repeats(at, &before)?;
            }
            return Ok(());
        }
        if let (App::Public, Some(previous)) = (app, family.previous.clone()) {
            self.repeats(at, &previous)?;
        }
        if let Some(access) = self.actor.families[at].access.clone()
            && self.introspect(&access)? == Some(false)
        {
            self.actor.find(Kind::Missing, format!("an access token of {id} is inactive"));
        }
        if self.actor.below(2) == 0 { self.refresh(at) } else { Ok(()) }
    }

    /// Within its window a superseded refresh token yields the very same successor.
    fn repeats(&mut self, at: usize, previous: &str) -> Result<(), Lost> {
        match self.rotation(App::Public, previous)? {
            Said::Yes(tokens) if text(&tokens, "refresh_token") == self.actor.families[at].refresh => {}
            Said::Yes(_) => self.actor.find(Kind::CameBack, "a refresh token was rotated twice, to two successors"),
            Said::No(why) => self.actor.find(Kind::Missing, format!("a superseded refresh token is refused: {why}")),
            Said::Unknown => {}
        }
        Ok(())
    }

    fn check_ended(&mut self, at: usize) -> Result<(), Lost> {
        let Ended { code, refresh, access } = &self.actor.ended[at];
        let (code, refresh, access) = (code.clone(), refresh.clone(), access.clone());
        if let Said::Yes(_) = self.rotation(code.app, &refresh)? {
            self.actor.find(Kind::CameBack, format!("an ended family of {} was refreshed", code.app.id()));
        }
        if let Some(access) = access
            && self.introspect(&access)? == Some(true)
        {
            self.actor
                .find(Kind::CameBack, format!("an access token of an ended family of {} is active", code.app.id()));
        }
        self.stays_refused(&code)
    }

    fn stays_refused(&mut self, code: &Code) -> Result<(), Lost> {
        self.actor.tally.checks += 1;
        if let Said::Yes(_) = self.redemption(code)? {
            self.actor.find(Kind::CameBack, format!("a used code of {} was redeemed", code.app.id()));
        }
        Ok(())
    }

    // ------------------------------------------------------------ requests

    fn redemption(&mut self, code: &Code) -> Result<Said, Lost> {
        let fields = [
            ("grant_type", "authorization_code"),
            ("code", &code.text),
            ("redirect_uri", CALLBACK),
            ("code_verifier", &code.verifier),
        ];
        self.token("/oauth2/token", code.app, &fields)
    }

    fn rotation(&mut self, app: App, token: &str) -> Result<Said, Lost> {
        self.token("/oauth2/token", app, &[("grant_type", "refresh_token"), ("refresh_token", token)])
    }

    /// A request of a client; none succeeds without a write.
    fn token(&mut self, target: &str, app: App, fields: &[(&str, &str)]) -> Result<Said, Lost> {
        let mut fields = fields.to_vec();
        let secret = (!app.rotates()).then(|| basic(app.id(), SECRET));
        if secret.is_none() {
            fields.push(("client_id", app.id()));
        }
        let Some(answer) =
            self.settle(Some(target), |http, _| http.post(target, &mut Cookies::new(), secret.as_deref(), &fields))?
        else {
            return Ok(Said::Unknown);
        };
        let body: Value = serde_json::from_str(&answer.body).unwrap_or_default();
        Ok(match answer.status {
            200 => Said::Yes(body),
            _ => Said::No(body["error_description"].as_str().unwrap_or_default().to_owned()),
        })
    }

    /// Whether an access token counts; only reads.
    fn introspect(&mut self, token: &str) -> Result<Option<bool>, Lost> {
        let secret = basic("api", API_SECRET);
        let answer = self.settle(None, |http, _| {
            http.post("/oauth2/introspect", &mut Cookies::new(), Some(&secret), &[("token", token)])
        })?;
        Ok(answer.map(|answer| serde_json::from_str::<Value>(&answer.body).unwrap()["active"] == true))
    }

    fn fetch(&mut self, target: &str, writes: bool) -> Result<Option<Answer>, Lost> {
        self.settle(writes.then_some("/oauth2/authorize"), |http, cookies| http.get(target, cookies))
    }

    fn submit(&mut self, form: &Form, writes: Option<&str>) -> Result<Option<Answer>, Lost> {
        self.settle(writes, |http, cookies| http.post(&form.action, cookies, None, &borrowed(&form.fields)))
    }

    /// Sends a request, which writes if it says where to. `None` is 503: the server itself does not know what became
    /// of it.
    fn settle(
        &mut self,
        writes: Option<&str>,
        send: impl FnOnce(&mut Connection, &mut Cookies) -> Result<Answer, Lost>,
    ) -> Result<Option<Answer>, Lost> {
        let failed_before = self.weather.flushes_fail.load(Ordering::SeqCst);
        let answer = send(&mut self.http, &mut self.actor.cookies)?;
        let fails_throughout = failed_before && self.weather.flushes_fail.load(Ordering::SeqCst);
        match answer.status {
            503 => {
                self.actor.tally.unavailable += 1;
                self.weather.unavailable.fetch_add(1, Ordering::SeqCst);
                thread::sleep(Duration::from_millis(2));
                return Ok(None);
            }
            200 | 303 | 400 => {}
            status => self.actor.find(Kind::Odd, format!("an answer {status}: {}", answer.body)),
        }
        // A refusal promises nothing: a code that was voided is refused without a write. Where a refusal does end
        // something, that it stays ended is checked later.
        if let Some(target) = writes.filter(|_| fails_throughout && answer.status != 400) {
            self.actor.find(Kind::Early, format!("{target} answered {} although no flush succeeds", answer.status));
        }
        Ok(Some(answer))
    }
}

fn authorization(app: App, verifier: &str, prompt: &str) -> String {
    let challenge = Base64UrlUnpadded::encode_string(digest(&SHA256, verifier.as_bytes()).as_ref());
    let mut fields = vec![
        ("response_type", "code"),
        ("client_id", app.id()),
        ("redirect_uri", CALLBACK),
        ("scope", "openid offline_access notes:read"),
        ("state", "s"),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
    ];
    if !prompt.is_empty() {
        fields.push(("prompt", prompt));
    }
    format!("/oauth2/authorize?{}", encoded(&fields))
}

fn basic(id: &str, secret: &str) -> String {
    Base64::encode_string(format!("{id}:{secret}").as_bytes())
}

fn borrowed(fields: &[(String, String)]) -> Vec<(&str, &str)> {
    fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

fn text(answer: &Value, name: &str) -> String {
    answer[name].as_str().unwrap_or_else(|| panic!("no {name} in {answer}")).to_owned()
}

fn generation(token: &str) -> u32 {
    Presented::parse(token).expect("a refresh token").generation()
}
