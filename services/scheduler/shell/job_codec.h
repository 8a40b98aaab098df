// The core's Job as the contract's nevus.v1.Job and back.
//
// What the core does not know (title, specs, request id ...) is the proto's
// alone: Fill writes the core's part over it, StateOf reads it.
#ifndef NEVUS_SERVICES_SCHEDULER_SHELL_JOB_CODEC_H_
#define NEVUS_SERVICES_SCHEDULER_SHELL_JOB_CODEC_H_

#include <google/protobuf/timestamp.pb.h>

#include <string>

#include "absl/time/time.h"
#include "protos/nevus/v1/job.pb.h"
#include "services/scheduler/core/job_machine.h"

namespace nevus {

// REQUIRES: proto->tasks_size() == state.tasks.size().
void FillJob(const scheduler::Job& state, v1::Job* proto);
scheduler::Job StateOf(const v1::Job& proto);

v1::Progress ToProto(const scheduler::Progress& progress);
scheduler::Progress FromProto(const v1::Progress& progress);

// "extraction", "training", "evaluation".
std::string KindName(v1::WorkerKind kind);

// InfinitePast is an absent timestamp.
google::protobuf::Timestamp ToTimestamp(absl::Time time);
absl::Time FromTimestamp(const google::protobuf::Timestamp& timestamp);

}  // namespace nevus

#endif  // NEVUS_SERVICES_SCHEDULER_SHELL_JOB_CODEC_H_
