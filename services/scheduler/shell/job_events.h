// What is told of a job: its numbered events. Pure: two states in, events out.
#ifndef NEVUS_SERVICES_SCHEDULER_SHELL_JOB_EVENTS_H_
#define NEVUS_SERVICES_SCHEDULER_SHELL_JOB_EVENTS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "protos/nevus/v1/job.pb.h"
#include "services/scheduler/core/job_machine.h"

namespace nevus {

// What differs in `after`: first its tasks in order, then the job itself. Tasks
// that wait and are dropped, and those that a retry sets to waiting, are told
// by the job's own event (ADR 12).
std::vector<v1::JobEvent> EventsBetween(const scheduler::Job& before,
                                        const scheduler::Job& after,
                                        const std::vector<int>& changed_tasks);
// The first event of a new job.
v1::JobEvent StateEvent(const scheduler::Job& job);
// How far `task` is at `now`, and when it will be done at this rate.
v1::JobEvent ProgressEvent(const scheduler::Task& task, int index,
                           absl::Time now);
// `line` cut at kMaxLogLineBytes, never within a character.
v1::JobEvent LogEvent(int task, const std::string& worker,
                      const std::string& line);

constexpr size_t kMaxLogLineBytes = 1024;

// Gives them the numbers after `last`, and the time.
void NumberEvents(int64_t last, absl::Time now,
                  std::vector<v1::JobEvent>& events);

}  // namespace nevus

#endif  // NEVUS_SERVICES_SCHEDULER_SHELL_JOB_EVENTS_H_
