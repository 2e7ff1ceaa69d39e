//! `hooks = [FILE, …]`: Lua that judges connections, requests and answers.
//!
//! The files are read, compiled and tried once (`source`); each worker opens a VM of its own with them and asks its
//! hooks in the order of the files, until one refuses. A hook that fails, is late, or changes what nobody may change
//! lets the request go on unless it says `fail = "closed"`; each kind of failure is logged once a hook. What hooks
//! want done is offered to `deeds` after the verdict, and nobody waits for it. Scripts
//! written for Envoy run by `envoy.luau`. This room is only built with the feature `hooks`. Neighbours: `judge.rs` is
//! the contract, `edgekit_rules` the sandbox.

mod deeds;
mod schema;
mod source;
mod values;

use std::cell::RefCell;
use std::collections::BTreeSet;

use edgekit_rules::{Action, Fault, Hook, Level, Ref, Value, Verdict, log_line};

pub(crate) use deeds::Deeds;
pub(crate) use source::{Hooked, load};

use crate::judge::{Bodies, Changes, Judge, Point, Request, Response, Ruling};
use crate::log::Line;
use crate::peer::Peer;

/// The hooks of one worker, by point.
#[derive(Default)]
pub(super) struct Hooks {
    connection: RefCell<Asked>,
    request: RefCell<Asked>,
    request_body: RefCell<Asked>,
    response: RefCell<Asked>,
    response_body: RefCell<Asked>,
    log: RefCell<Asked>,
    bodies: Option<Bodies>,
    deeds: Option<Deeds>,
}

/// Those of one point.
#[derive(Default)]
pub(super) struct Asked {
    hooks: Vec<Hook>,
    actions: Vec<Action>,
    /// Field lines as text, made anew for each event.
    head: Vec<u8>,
    /// Kinds of failures that were told.
    told: BTreeSet<(usize, &'static str)>,
}

impl Asked {
    fn tell(told: &mut BTreeSet<(usize, &'static str)>, at: usize, fault: &Fault) {
        if told.insert((at, fault.kind.word())) {
            tracing::warn!("a hook failed: {fault}; further failures of this kind are not told");
        }
    }

    /// Asks all of them about one event; `with` is called for each change, and says what is wrong with it.
    fn ask(
        &mut self,
        fields: &[Ref<'_>],
        deeds: Option<&Deeds>,
        mut with: impl FnMut(Vec<(edgekit_rules::Str, Value)>) -> Result<(), String>,
    ) -> bool {
        let Asked { hooks, actions, told, .. } = self;
        for (at, hook) in hooks.iter_mut().enumerate() {
            let verdict = hook.call(fields, actions);
            actions.drain(..).for_each(|action| carry_out(action, deeds));
            if let Some(fault) = hook.take_fault() {
                Asked::tell(told, at, &fault);
            }
            match verdict {
                Verdict::Pass => {}
                Verdict::Drop => return false,
                Verdict::Change(fields) => {
                    if let Err(wrong) = with(fields) {
                        let info = hook.info();
                        if told.insert((at, "change")) {
                            tracing::warn!(
                                "{}: hook '{}' cannot change this: {wrong}",
                                info.place,
                                info.name
                            );
                        }
                        if info.fail == edgekit_rules::Fail::Closed {
                            return false;
                        }
                    }
                }
            }
        }
        true
    }
}

/// Does what a hook wants done: says a line at once, and has all else done elsewhere.
fn carry_out(action: Action, deeds: Option<&Deeds>) {
    match action {
        Action::Log { level, text, fields } => {
            let text = log_line(&text, &fields);
            match level {
                Level::Info => tracing::info!(target: "hook", "{text}"),
                Level::Warn => tracing::warn!(target: "hook", "{text}"),
                Level::Error => tracing::error!(target: "hook", "{text}"),
            }
        }
        // Without them the files are only tried, and no hook is asked.
        other => {
            if let Some(deeds) = deeds {
                deeds.offer(other);
            }
        }
    }
}

/// What is known of a client besides its address: it speaks TLS, the name it asked for, who it is.
fn secured(peer: &Peer) -> (bool, Ref<'_>, Option<String>) {
    let name = peer.tls.as_ref().and_then(|tls| tls.server_name.as_deref());
    let identity = peer.certificate().map(crate::peer::ClientCertificate::identity);
    (peer.tls.is_some(), name.map_or(Ref::Nil, Ref::from), identity)
}

fn text(bytes: &[u8]) -> Ref<'_> {
    Ref::Str(bytes)
}

impl Hooks {
    /// Asks about a request, with its body where bodies are asked about.
    fn asked_for(
        &self,
        hooks: &RefCell<Asked>,
        request: &Request<'_>,
        point: Point,
        body: Option<&[u8]>,
    ) -> Ruling {
        let mut asked = hooks.borrow_mut();
        let mut head = std::mem::take(&mut asked.head);
        values::lines(&mut head, request.head);
        let (_, name, identity) = secured(request.peer);
        let fields = [
            text(request.method),
            Ref::from(request.peer.scheme()),
            text(request.host),
            text(request.path),
            text(request.query),
            text(&head),
            Ref::from(&*request.peer.text),
            Ref::from(request.listener),
            name,
            identity.as_deref().map_or(Ref::Nil, Ref::from),
            text(body.unwrap_or_default()),
        ];
        let fields = &fields[..fields.len() - usize::from(body.is_none())];
        let mut all: Option<Box<Changes>> = None;
        let goes_on = asked.ask(fields, self.deeds.as_ref(), |fields| {
            values::add(all.get_or_insert_default(), fields, point)
        });
        asked.head = head;
        ruling(goes_on, all)
    }

    /// Asks about an answer in the same way.
    fn answered(
        &self,
        hooks: &RefCell<Asked>,
        response: &Response<'_>,
        point: Point,
        body: Option<&[u8]>,
    ) -> Ruling {
        let mut asked = hooks.borrow_mut();
        let mut head = std::mem::take(&mut asked.head);
        values::lines(&mut head, response.head);
        let status = Ref::UInt(u64::from(response.status));
        let body_or_nothing = text(body.unwrap_or_default());
        let fields = [
            status,
            text(&head),
            Ref::from(response.route),
            Ref::from(&*response.peer.text),
            body_or_nothing,
        ];
        let fields = &fields[..fields.len() - usize::from(body.is_none())];
        let mut all: Option<Box<Changes>> = None;
        let goes_on = asked.ask(fields, self.deeds.as_ref(), |fields| {
            values::add(all.get_or_insert_default(), fields, point)
        });
        asked.head = head;
        ruling(goes_on, all)
    }
}

impl Judge for Hooks {
    fn asks(&self, point: Point) -> bool {
        let asked = match point {
            Point::Connection => &self.connection,
            Point::Request => &self.request,
            Point::RequestBody => &self.request_body,
            Point::Response => &self.response,
            Point::ResponseBody => &self.response_body,
            Point::Log => &self.log,
        };
        !asked.borrow().hooks.is_empty()
    }

    fn connection(&self, peer: &Peer, listener: &str) -> bool {
        let (secure, name, identity) = secured(peer);
        let identity = identity.as_deref().map_or(Ref::Nil, Ref::from);
        let fields = [Ref::from(&*peer.text), Ref::from(listener), Ref::Bool(secure), name, identity];
        self.connection.borrow_mut().ask(&fields, self.deeds.as_ref(), |_| Ok(()))
    }

    fn request(&self, request: &Request<'_>) -> Ruling {
        self.asked_for(&self.request, request, Point::Request, None)
    }

    fn request_body(&self, request: &Request<'_>, body: &[u8]) -> Ruling {
        self.asked_for(&self.request_body, request, Point::RequestBody, Some(body))
    }

    fn response(&self, response: &Response<'_>) -> Ruling {
        self.answered(&self.response, response, Point::Response, None)
    }

    fn response_body(&self, response: &Response<'_>, body: &[u8]) -> Ruling {
        self.answered(&self.response_body, response, Point::ResponseBody, Some(body))
    }

    fn bodies(&self) -> Bodies {
        self.bodies.unwrap_or(Bodies { most: 0, passes: true })
    }

    fn log(&self, line: &Line<'_>) -> bool {
        let mut notes = line.note.split(|byte| *byte == 0);
        let mut note = || text(notes.next().unwrap_or_default());
        let (method, target, host) = (note(), note(), note());
        let fields = [
            Ref::from(line.client),
            method,
            target,
            host,
            Ref::UInt(u64::from(line.status)),
            Ref::UInt(line.sent),
            Ref::Num(line.took.as_secs_f64()),
            Ref::from(line.route),
            text(line.endpoint),
            Ref::from(line.fault),
        ];
        self.log.borrow_mut().ask(&fields, self.deeds.as_ref(), |_| Ok(()))
    }
}

fn ruling(goes_on: bool, changes: Option<Box<Changes>>) -> Ruling {
    match changes {
        _ if !goes_on => Ruling::Refuse,
        Some(changes) if *changes != Changes::default() => Ruling::Change(changes),
        _ => Ruling::Pass,
    }
}
