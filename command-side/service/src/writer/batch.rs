//! Deciding a task of many commands: all of them take effect, or none.

use super::Writer;
use super::decide::Turn;
use crate::work::{Answer, Failure, Outcome, Task};

/// What stops a task.
struct Stopped {
    command: usize,
    answer: Answer,
}

impl Writer {
    /// Decides a task: all of its commands or none.
    pub(super) async fn decide_batch(&mut self, task: Task) {
        let before = self.state.revision();
        let kept = self.events_decided();
        self.state.begin();
        let outcome = match self.decide_all(&task).await {
            Ok(answers) => {
                self.state.commit();
                self.encode(&task);
                Outcome {
                    answers,
                    failed: None,
                    at: self.state.revision(),
                }
            }
            Err(stopped) => {
                self.state.rollback();
                self.index.forget_after(before);
                self.forget_decided(kept);
                assert_eq!(
                    self.state.revision(),
                    before,
                    "a refused task leaves the ledger as it was"
                );
                Outcome {
                    answers: vec![stopped.answer],
                    failed: Some(stopped.command),
                    at: before,
                }
            }
        };
        self.forget_found();
        self.decided(task, outcome);
    }

    /// Decides the commands in order, each look-up as far as it goes, so that what is held at a time
    /// is bounded however many there are.
    async fn decide_all(&mut self, task: &Task) -> Result<Vec<Answer>, Stopped> {
        let works = task.works.iter().map(|work| (task.again, work));
        let works: Vec<_> = works.collect();
        let mut answers = Vec::with_capacity(works.len());
        // `If-Match` speaks of the ledger before the task; the task's own events do not break it.
        let mut if_match = true;
        let read_max = self.bytes_read() + self.shared.config.batch_read_bytes_max;
        while let Some(rest) = works.get(answers.len()..).filter(|rest| !rest.is_empty()) {
            let stopped = |answer| Stopped {
                command: answers.len(),
                answer,
            };
            let (past, ready) = match self.look_up(rest).await {
                Ok(looked_up) => looked_up,
                Err(error) => {
                    error.log(self.state.id());
                    self.index_failed |= error.is_index();
                    return Err(stopped(Answer::Failed(error.failure())));
                }
            };
            if past.found.read() > read_max {
                return Err(stopped(Answer::Failed(Failure::BatchTooLarge)));
            }
            for (again, work) in rest.iter().take(ready) {
                let command = answers.len();
                let turn = Turn {
                    work,
                    command,
                    again: *again,
                    brief: task.brief,
                    if_match,
                };
                let answer = self
                    .decide_one(&turn, &past)
                    .map_err(|answer| Stopped { command, answer })?;
                if self.bytes_decided() > self.batch_bytes_max {
                    // The store would refuse it: the rest need not be looked at.
                    let answer = Answer::Failed(Failure::BatchTooLarge);
                    return Err(Stopped { command, answer });
                }
                if_match &= !matches!(answer, Answer::Applied(_));
                // An event that was read is let go; those that were made are still needed.
                let is_read = matches!(answer, Answer::Replayed(_));
                let brief = task.brief && is_read;
                answers.push(if brief { answer.brief() } else { answer });
            }
            self.keep(past);
            // Others' requests are served by the same thread.
            tokio::task::yield_now().await;
        }
        Ok(answers)
    }
}
