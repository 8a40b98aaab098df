// The core's Job as the contract's nevus.v1.Job and back.
//
// What the core does not know (titles, specs, request id, dependencies ...) is
// the proto's alone: FillHeader writes the core's part over it, StateOf reads
// it.
#ifndef NEVUS_SERVICES_SCHEDULER_SHELL_JOB_CODEC_H_
#define NEVUS_SERVICES_SCHEDULER_SHELL_JOB_CODEC_H_

#include <google/protobuf/duration.pb.h>
#include <google/protobuf/timestamp.pb.h>

#include <string>

#include "absl/time/time.h"
#include "protos/nevus/v1/job.pb.h"
#include "services/scheduler/core/job_machine.h"

namespace nevus {

// All but the tasks. The error is kept also while a job is PAUSED.
void FillHeader(const scheduler::Job& state, v1::Job* proto);
// `proto` with its tasks; what it waits for is not stored and left empty.
scheduler::Job StateOf(const v1::Job& proto);

// Without its title and spec.
v1::Task ToProto(const scheduler::Task& task, int index);
v1::Progress ToProto(const scheduler::Progress& progress);
scheduler::Progress FromProto(const v1::Progress& progress);
v1::TaskError ToProto(const scheduler::Failure& failure);
scheduler::Failure FromProto(const v1::TaskError& error);
v1::JobState ToProto(scheduler::JobState state);
scheduler::JobState FromProto(v1::JobState state);
v1::TaskState ToProto(scheduler::TaskState state);

// "extraction", "training", "evaluation".
std::string KindName(v1::WorkerKind kind);

// InfinitePast is an absent timestamp.
google::protobuf::Timestamp ToTimestamp(absl::Time time);
absl::Time FromTimestamp(const google::protobuf::Timestamp& timestamp);
google::protobuf::Duration ToProtoDuration(absl::Duration duration);
absl::Duration FromProtoDuration(const google::protobuf::Duration& duration);

}  // namespace nevus

#endif  // NEVUS_SERVICES_SCHEDULER_SHELL_JOB_CODEC_H_
