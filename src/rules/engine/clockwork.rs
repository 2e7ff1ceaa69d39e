//! Timers of rules, and alarms they asked for.
//!
//! Timers belong to a rule's name and schedule, so they keep their beat over a swap. An alarm is a function that
//! waits inside a VM, so it stays with the generation that armed it: that one is kept, retired, until its last
//! alarm has rung. State goes along: if the rule still is what it was, its state of now is lent to the retired one
//! for the call.

use std::{mem, time::Duration};

use super::{
    Engine,
    cascade::Origin,
    serving::{Retired, Serving},
};
use crate::{
    Fault, Rule,
    graph::NodeId,
    timer::{Now, Schedule},
};

/// Timers and alarms one step fires; the next step fires the rest.
const FIRED: usize = 1024;
/// Generations that are kept for their alarms. Beyond, the oldest gives its alarms up.
const RETIRED: usize = 4;
/// A wall clock that moved by more than this was set.
const SET: Duration = Duration::from_secs(1);

/// What is due at some time.
#[derive(Clone, Copy, Debug)]
pub(super) enum Due {
    /// A timer of a rule that serves.
    Timer { node: NodeId, index: usize },
    /// A function that waits in a VM.
    Alarm { generation: u64, node: NodeId, alarm: u64 },
}

impl Engine {
    /// Arms the timers of a generation that has just come to serve, with none of another left.
    pub(super) fn plan(&mut self, now: Now) {
        let plans = &self.serving.generation.plans;
        for (node, plan) in plans.iter().enumerate() {
            for (index, schedule) in plan.schedules.iter().enumerate() {
                if let Some(due) = schedule.next(None, now) {
                    self.timers.arm(due, Due::Timer { node, index });
                }
            }
        }
        self.ahead = Some(now.wall.saturating_sub(now.boot));
    }

    /// Plans cron timers anew when the wall clock was set.
    pub(super) fn follow_wall_clock(&mut self, now: Now) {
        let ahead = now.wall.saturating_sub(now.boot);
        if self.ahead.is_some_and(|before| before.abs_diff(ahead) <= SET) {
            return;
        }
        self.ahead = Some(ahead);
        let plans = &self.serving.generation.plans;
        self.timers.retain(|due, what| {
            if let Due::Timer { node, index } = what
                && let Some(schedule @ Schedule::Cron(_)) =
                    plans.get(*node).and_then(|plan| plan.schedules.get(*index))
            {
                match schedule.next(None, now) {
                    Some(next) => *due = next,
                    None => return false,
                }
            }
            true
        });
    }

    /// Fires what is due.
    pub(super) fn fire(&mut self, now: Now) {
        for _ in 0..FIRED {
            let Some((due, what)) = self.timers.take(now.boot) else { return };
            // What rules see is when it was due, whenever it is looked at.
            let late = now.boot - due;
            let origin = Origin { id: self.next_id(), at: now.wall.saturating_sub(late), boot: now.boot };
            match what {
                Due::Timer { node, index } => self.tick(node, index, due, now, origin),
                Due::Alarm { generation, node, alarm } if generation == self.serving.number => {
                    self.ring(node, alarm, origin);
                }
                Due::Alarm { generation, node, alarm } => self.ring_retired(generation, node, alarm, origin),
            }
        }
    }

    /// A timer went off.
    fn tick(&mut self, node: NodeId, index: usize, due: Duration, now: Now, origin: Origin) {
        if let Some(schedule) = self.serving.generation.plans[node].schedules.get(index)
            && let Some(next) = schedule.next(Some(due), now)
        {
            self.timers.arm(next, Due::Timer { node, index });
        }
        let seat = &mut self.serving.seats[node];
        if !seat.quarantine.admits(b"", origin.boot) {
            seat.metrics.quarantined += 1;
            return;
        }
        seat.metrics.timers += 1;
        let from = self.options.clock.monotonic();
        let ended = seat.rule.timer(index, origin.at, &mut self.cascade.effects);
        let took = self.options.clock.monotonic().saturating_sub(from);
        self.called(node, ended, Some(took), Some(b""), origin);
        self.run(origin);
    }

    /// An alarm of a rule that serves. It comes once, so that no quarantine holds it back.
    fn ring(&mut self, node: NodeId, alarm: u64, origin: Origin) {
        let seat = &mut self.serving.seats[node];
        seat.alarms = seat.alarms.saturating_sub(1);
        seat.metrics.timers += 1;
        let from = self.options.clock.monotonic();
        let ended = seat.rule.wake(alarm, origin.at, &mut self.cascade.effects);
        let took = self.options.clock.monotonic().saturating_sub(from);
        self.called(node, ended, Some(took), Some(b""), origin);
        self.run(origin);
    }

    /// An alarm of a generation that no longer serves: its rule runs once more, and what it emits goes to those who
    /// read that topic now.
    fn ring_retired(&mut self, generation: u64, node: NodeId, alarm: u64, origin: Origin) {
        let Some(at) = self.retired.iter().position(|each| each.serving.number == generation) else { return };
        let retired = &mut self.retired[at];
        retired.alarms = retired.alarms.saturating_sub(1);
        let rule = retired.serving.seats[node].rule.clone();
        let name = rule.info.name.clone();
        // The same text makes the same rule: its state is one.
        let heir =
            self.serving.find(&name).filter(|heir| self.serving.text(*heir) == retired.serving.text(node));
        let mut ended = Ok(());
        if let Some(heir) = heir {
            ended = hand_over(&self.serving.seats[heir].rule, &rule);
        }
        ended = ended.and_then(|()| rule.wake(alarm, origin.at, &mut self.cascade.effects));
        if let Some(heir) = heir {
            self.serving.seats[heir].calls += 1;
            ended = ended.and_then(|()| hand_over(&rule, &self.serving.seats[heir].rule));
        }
        let mut effects = mem::take(&mut self.cascade.effects);
        match ended {
            Ok(()) => {
                for emit in effects.emits.drain(..) {
                    self.figures.overflow += self.spread(&rule.info.outputs[emit.output], emit.data);
                }
                for alarm in effects.alarms.drain(..) {
                    self.retired[at].alarms += 1;
                    let due = Due::Alarm { generation, node, alarm: alarm.id };
                    self.timers.arm(origin.boot.saturating_add(alarm.after), due);
                }
                self.deed(&name, generation, effects.actions.drain(..), origin);
            }
            Err(fault) => {
                effects.clear();
                self.fault(fault);
            }
        }
        self.cascade.effects = effects;
        self.run(origin);
        if self.retired[at].alarms == 0
            && let Some(done) = self.retired.remove(at)
        {
            self.leaving.push(done.serving);
        }
    }

    /// Lets a new generation serve, with the timers of rules that were there before on their beat.
    pub(super) fn enthrone(&mut self, new: Serving, now: Now) {
        let old = mem::replace(&mut self.serving, new);
        let plans = &self.serving.generation.plans;
        let mut armed: Vec<Vec<bool>> = plans.iter().map(|plan| vec![false; plan.schedules.len()]).collect();
        let find = |node: NodeId, index: usize, armed: &mut Vec<Vec<bool>>| -> Option<(NodeId, usize)> {
            let plan = &old.generation.plans[node];
            let heir = self.serving.find(&plan.info.name)?;
            let schedules = plans[heir].schedules.iter().enumerate();
            let (index, _) = schedules
                .filter(|(at, schedule)| !armed[heir][*at] && **schedule == plan.schedules[index])
                .min_by_key(|(at, _)| at.abs_diff(index))?;
            armed[heir][index] = true;
            Some((heir, index))
        };
        self.timers.retain(|_, what| match what {
            Due::Timer { node, index } => match find(*node, *index, &mut armed) {
                Some(heir) => {
                    (*node, *index) = heir;
                    true
                }
                None => false,
            },
            Due::Alarm { .. } => true,
        });
        for (node, armed) in armed.iter().enumerate() {
            for (index, _) in armed.iter().enumerate().filter(|(_, armed)| !**armed) {
                if let Some(due) = plans[node].schedules[index].next(None, now) {
                    self.timers.arm(due, Due::Timer { node, index });
                }
            }
        }
        let alarms = old.seats.iter().map(|seat| seat.alarms).sum();
        if alarms > 0 {
            self.retired.push_back(Retired { serving: old, alarms });
        } else {
            self.leaving.push(old);
        }
        if self.retired.len() > RETIRED
            && let Some(oldest) = self.retired.pop_front()
        {
            let number = oldest.serving.number;
            self.figures.lost_alarms += oldest.alarms as u64;
            let given_up =
                |what: &Due| matches!(what, Due::Alarm { generation, .. } if *generation == number);
            self.timers.retain(|_, what| !given_up(what));
            self.leaving.push(oldest.serving);
        }
    }
}

/// Copies the state of a rule to the same rule in another VM.
fn hand_over(from: &Rule, to: &Rule) -> Result<(), Fault> {
    to.set_state(&from.state()?)
}
