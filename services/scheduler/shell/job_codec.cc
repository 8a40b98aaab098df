#include "services/scheduler/shell/job_codec.h"

#include "absl/strings/ascii.h"

namespace nevus {
namespace {

v1::JobState ToProto(scheduler::JobState state) {
  switch (state) {
    case scheduler::JobState::kPending:
      return v1::PENDING;
    case scheduler::JobState::kRunning:
      return v1::RUNNING;
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

scheduler::TaskState FromProto(v1::TaskState state) {
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

void FillError(const scheduler::Failure& failure, v1::TaskError* proto) {
  proto->set_code(static_cast<int>(failure.code));
  proto->set_reason(failure.reason);
  proto->set_message(failure.message);
}

scheduler::Failure FromProto(const v1::TaskError& error) {
  return {static_cast<absl::StatusCode>(error.code()), error.reason(),
          error.message()};
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

v1::Progress ToProto(const scheduler::Progress& progress) {
  v1::Progress proto;
  proto.set_done(progress.done);
  proto.set_total(progress.total);
  proto.set_unit(progress.unit);
  proto.set_message(progress.message);
  return proto;
}

scheduler::Progress FromProto(const v1::Progress& progress) {
  return {progress.done(), progress.total(), progress.unit(),
          progress.message()};
}

std::string KindName(v1::WorkerKind kind) {
  return absl::AsciiStrToLower(v1::WorkerKind_Name(kind));
}

void FillJob(const scheduler::Job& state, v1::Job* proto) {
  proto->set_state(ToProto(state.state));
  proto->set_result(state.result);
  *proto->mutable_progress() = ToProto(TotalProgress(state));
  if (state.state == scheduler::JobState::kFailed) {
    FillError(state.error, proto->mutable_error());
  } else {
    proto->clear_error();
  }
  FillTime(
      state.start_time, [&] { return proto->mutable_start_time(); },
      [&] { proto->clear_start_time(); });
  FillTime(
      state.end_time, [&] { return proto->mutable_end_time(); },
      [&] { proto->clear_end_time(); });
  for (size_t i = 0; i < state.tasks.size(); ++i) {
    const scheduler::Task& from = state.tasks[i];
    v1::Task* to = proto->mutable_tasks(static_cast<int>(i));
    to->set_index(static_cast<int>(i));
    to->set_state(ToProto(from.state));
    to->set_attempts(from.attempts);
    to->set_fencing_token(from.fencing_token);
    to->set_worker(from.worker);
    to->set_result(from.result);
    *to->mutable_progress() = ToProto(from.progress);
    if (from.last_error.code != absl::StatusCode::kOk) {
      FillError(from.last_error, to->mutable_last_error());
    }
    FillTime(
        from.lease_expiry, [&] { return to->mutable_lease_expiry(); },
        [&] { to->clear_lease_expiry(); });
    FillTime(
        from.not_before, [&] { return to->mutable_not_before(); },
        [&] { to->clear_not_before(); });
  }
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
  for (const v1::Task& from : proto.tasks()) {
    scheduler::Task& to = state.tasks.emplace_back();
    to.state = FromProto(from.state());
    to.attempts = from.attempts();
    to.fencing_token = from.fencing_token();
    to.worker = from.worker();
    to.result = from.result();
    to.progress = FromProto(from.progress());
    if (from.has_last_error()) to.last_error = FromProto(from.last_error());
    if (from.has_lease_expiry()) {
      to.lease_expiry = FromTimestamp(from.lease_expiry());
    }
    if (from.has_not_before()) to.not_before = FromTimestamp(from.not_before());
  }
  return state;
}

}  // namespace nevus
