#include "services/scheduler/shell/job_codec.h"

#include "absl/strings/ascii.h"
#include "base/digest.h"

namespace nevus {
namespace {

scheduler::TaskState TaskStateOf(v1::TaskState state) {
  switch (state) {
    case v1::LEASED:
      return scheduler::TaskState::kLeased;
    case v1::DONE:
      return scheduler::TaskState::kDone;
    case v1::BROKEN:
      return scheduler::TaskState::kBroken;
    case v1::DROPPED:
      return scheduler::TaskState::kDropped;
    default:
      return scheduler::TaskState::kWaiting;
  }
}

bool IsEmpty(const scheduler::Progress& progress) {
  return progress.done == 0 && progress.total == 0 && progress.unit.empty() &&
         progress.message.empty() && progress.metrics.empty();
}

// Absent stays absent, so that a proto and its copy through the core are equal.
template <typename Set, typename Clear>
void FillTime(absl::Time time, Set set, Clear clear) {
  if (time == absl::InfinitePast()) {
    clear();
  } else {
    *set() = ToTimestamp(time);
  }
}

scheduler::Task TaskOf(const v1::Task& from) {
  scheduler::Task to;
  to.state = TaskStateOf(from.state());
  to.stage = from.stage();
  to.attempts = from.attempts();
  to.fencing_token = from.fencing_token();
  to.worker = from.worker();
  to.result = from.result();
  to.progress = FromProto(from.progress());
  if (from.has_last_error()) to.last_error = FromProto(from.last_error());
  to.failed_workers = {from.failed_workers().begin(),
                       from.failed_workers().end()};
  if (from.has_lease_expiry()) {
    to.lease_expiry = FromTimestamp(from.lease_expiry());
  }
  if (from.has_not_before()) to.not_before = FromTimestamp(from.not_before());
  if (from.has_attempt_time()) {
    to.attempt_start = FromTimestamp(from.attempt_time());
  }
  return to;
}

}  // namespace

google::protobuf::Timestamp ToTimestamp(absl::Time time) {
  google::protobuf::Timestamp timestamp;
  const timespec parts = absl::ToTimespec(time);
  timestamp.set_seconds(parts.tv_sec);
  timestamp.set_nanos(static_cast<int>(parts.tv_nsec));
  return timestamp;
}

absl::Time FromTimestamp(const google::protobuf::Timestamp& timestamp) {
  return absl::FromUnixSeconds(timestamp.seconds()) +
         absl::Nanoseconds(timestamp.nanos());
}

google::protobuf::Duration ToProtoDuration(absl::Duration duration) {
  google::protobuf::Duration proto;
  proto.set_seconds(absl::IDivDuration(duration, absl::Seconds(1), &duration));
  proto.set_nanos(static_cast<int>(
      absl::IDivDuration(duration, absl::Nanoseconds(1), &duration)));
  return proto;
}

absl::Duration FromProtoDuration(const google::protobuf::Duration& duration) {
  return absl::Seconds(duration.seconds()) +
         absl::Nanoseconds(duration.nanos());
}

v1::Progress ToProto(const scheduler::Progress& progress) {
  v1::Progress proto;
  proto.set_done(progress.done);
  proto.set_total(progress.total);
  proto.set_unit(progress.unit);
  proto.set_message(progress.message);
  for (const auto& [name, value] : progress.metrics) {
    v1::Metric* const metric = proto.add_metrics();
    metric->set_name(name);
    metric->set_value(value);
  }
  return proto;
}

scheduler::Progress FromProto(const v1::Progress& progress) {
  scheduler::Progress result{progress.done(),
                             progress.total(),
                             progress.unit(),
                             progress.message(),
                             {}};
  for (const v1::Metric& metric : progress.metrics()) {
    result.metrics.emplace_back(metric.name(), metric.value());
  }
  return result;
}

v1::TaskError ToProto(const scheduler::Failure& failure) {
  v1::TaskError proto;
  proto.set_code(static_cast<int>(failure.code));
  proto.set_reason(failure.reason);
  proto.set_message(failure.message);
  return proto;
}

scheduler::Failure FromProto(const v1::TaskError& error) {
  return {static_cast<absl::StatusCode>(error.code()), error.reason(),
          error.message()};
}

v1::JobState ToProto(scheduler::JobState state) {
  switch (state) {
    case scheduler::JobState::kPending:
      return v1::PENDING;
    case scheduler::JobState::kRunning:
      return v1::RUNNING;
    case scheduler::JobState::kPaused:
      return v1::PAUSED;
    case scheduler::JobState::kSucceeded:
      return v1::SUCCEEDED;
    case scheduler::JobState::kFailed:
      return v1::FAILED;
    case scheduler::JobState::kCancelled:
      return v1::CANCELLED;
  }
  return v1::JOB_STATE_UNSPECIFIED;
}

scheduler::JobState FromProto(v1::JobState state) {
  switch (state) {
    case v1::RUNNING:
      return scheduler::JobState::kRunning;
    case v1::PAUSED:
      return scheduler::JobState::kPaused;
    case v1::SUCCEEDED:
      return scheduler::JobState::kSucceeded;
    case v1::FAILED:
      return scheduler::JobState::kFailed;
    case v1::CANCELLED:
      return scheduler::JobState::kCancelled;
    default:
      return scheduler::JobState::kPending;
  }
}

v1::TaskState ToProto(scheduler::TaskState state) {
  switch (state) {
    case scheduler::TaskState::kWaiting:
      return v1::WAITING;
    case scheduler::TaskState::kLeased:
      return v1::LEASED;
    case scheduler::TaskState::kDone:
      return v1::DONE;
    case scheduler::TaskState::kBroken:
      return v1::BROKEN;
    case scheduler::TaskState::kDropped:
      return v1::DROPPED;
  }
  return v1::TASK_STATE_UNSPECIFIED;
}

std::string KindName(v1::WorkerKind kind) {
  return absl::AsciiStrToLower(v1::WorkerKind_Name(kind));
}

v1::Task ToProto(const scheduler::Task& task, int index) {
  v1::Task proto;
  proto.set_index(index);
  proto.set_state(ToProto(task.state));
  proto.set_stage(task.stage);
  proto.set_attempts(task.attempts);
  proto.set_fencing_token(task.fencing_token);
  proto.set_worker(task.worker);
  proto.set_result(task.result);
  if (!IsEmpty(task.progress)) {
    *proto.mutable_progress() = ToProto(task.progress);
  }
  if (task.last_error.code != absl::StatusCode::kOk) {
    *proto.mutable_last_error() = ToProto(task.last_error);
  }
  for (const std::string& worker : task.failed_workers) {
    proto.add_failed_workers(worker);
  }
  FillTime(
      task.lease_expiry, [&] { return proto.mutable_lease_expiry(); },
      [&] { proto.clear_lease_expiry(); });
  FillTime(
      task.not_before, [&] { return proto.mutable_not_before(); },
      [&] { proto.clear_not_before(); });
  FillTime(
      task.attempt_start, [&] { return proto.mutable_attempt_time(); },
      [&] { proto.clear_attempt_time(); });
  return proto;
}

void FillHeader(const scheduler::Job& state, v1::Job* proto) {
  proto->set_state(ToProto(state.state));
  proto->set_result(state.result);
  *proto->mutable_progress() = ToProto(TotalProgress(state));
  if (state.error.code != absl::StatusCode::kOk) {
    *proto->mutable_error() = ToProto(state.error);
  } else {
    proto->clear_error();
  }
  FillTime(
      state.start_time, [&] { return proto->mutable_start_time(); },
      [&] { proto->clear_start_time(); });
  FillTime(
      state.end_time, [&] { return proto->mutable_end_time(); },
      [&] { proto->clear_end_time(); });
}

scheduler::Job StateOf(const v1::Job& proto) {
  scheduler::Job state;
  state.state = FromProto(proto.state());
  state.result = proto.result();
  if (proto.has_error()) state.error = FromProto(proto.error());
  if (proto.has_start_time()) {
    state.start_time = FromTimestamp(proto.start_time());
  }
  if (proto.has_end_time()) state.end_time = FromTimestamp(proto.end_time());
  if (proto.has_time_limit()) {
    state.time_limit = FromProtoDuration(proto.time_limit());
  }
  if (proto.has_attempt_time_limit()) {
    state.attempt_time_limit = FromProtoDuration(proto.attempt_time_limit());
  }
  state.jitter_seed = Checksum64(proto.id());
  state.tasks.reserve(proto.tasks_size());
  for (const v1::Task& task : proto.tasks()) {
    state.tasks.push_back(TaskOf(task));
  }
  return state;
}

}  // namespace nevus
