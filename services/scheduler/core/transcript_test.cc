// The histories of one job, in testdata/ (transcript.h). The commands:
//
//   new tasks=N [stages=0,0,1] [waits=j-1,j-2] [time_limit=D] [attempt_limit=D]
//                                    a job; the clock stands at 0s
//   lease TASK WORKER at=T           heartbeat TASK WORKER token=K [done=N]
//   at=T finish TASK WORKER token=K at=T  fail TASK WORKER token=K code=C
//   reason=R
//                                         workers=N at=T
//   died WORKER HOW... at=T          ended JOB STATE at=T
//   cancel|retry|tick|restart|restore at=T
//   next WORKER others=N at=T        the task it may lease
#include "services/scheduler/core/transcript.h"

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/status.h"
#include "gtest/gtest.h"
#include "services/scheduler/core/job_machine.h"

namespace nevus::scheduler {
namespace {

const absl::Time kStart = absl::FromUnixSeconds(0);

class Player {
 public:
  std::string Play(const Command& command) {
    now_ = kStart + command.Duration("at", now_ - kStart);
    int task = -1;
    (void)absl::SimpleAtoi(command.Word(1), &task);
    const std::string worker = command.Word(2);
    const int64_t token = command.Number("token", 0);
    const std::string verb = command.Word(0);
    if (verb == "new") return New(command);
    if (verb == "lease") return Apply(Lease{task, worker});
    if (verb == "heartbeat") {
      return Apply(Heartbeat{
          task, worker, token, {command.Number("done", 0), 0, "", "", {}}});
    }
    if (verb == "finish") {
      return Apply(
          Finish{task, worker, token, {}, absl::StrCat("made-by-", worker)});
    }
    if (verb == "fail") return Apply(Failed(command, task, worker, token));
    if (verb == "died") {
      const std::vector<std::string> how(command.plain.begin() + 2,
                                         command.plain.end());
      return Apply(WorkerDied{command.Word(1), absl::StrJoin(how, " ")});
    }
    if (verb == "ended") {
      const std::map<std::string, JobState> kStates = {
          {"SUCCEEDED", JobState::kSucceeded},
          {"FAILED", JobState::kFailed},
          {"CANCELLED", JobState::kCancelled}};
      return Apply(DependencyEnded{command.Word(1), kStates.at(worker)});
    }
    if (verb == "cancel") return Apply(Cancel{});
    if (verb == "retry") return Apply(Retry{command.List("waits")});
    if (verb == "tick") return Apply(Tick{});
    if (verb == "restart") return Apply(Restart{});
    if (verb == "restore") return Apply(Restore{});
    if (verb == "next") {
      return absl::StrCat(
          FindLeasable(job_, now_, command.Word(1),
                       static_cast<int>(command.Number("others", 0))),
          "\n");
    }
    return absl::StrCat("unknown command ", verb, "\n");
  }

 private:
  std::string New(const Command& command) {
    job_ = NewJob(static_cast<int>(command.Number("tasks", 0)), kStart,
                  command.List("waits"));
    job_.time_limit = command.Duration("time_limit", job_.time_limit);
    job_.attempt_time_limit =
        command.Duration("attempt_limit", job_.attempt_time_limit);
    size_t index = 0;
    for (const std::string& stage : command.List("stages")) {
      EXPECT_TRUE(absl::SimpleAtoi(stage, &job_.tasks.at(index++).stage));
    }
    return Show();
  }

  static Finish Failed(const Command& command, int task,
                       const std::string& worker, int64_t token) {
    const std::map<std::string, absl::StatusCode> kCodes = {
        {"UNAVAILABLE", absl::StatusCode::kUnavailable},
        {"DEADLINE_EXCEEDED", absl::StatusCode::kDeadlineExceeded},
        {"CANCELLED", absl::StatusCode::kCancelled},
        {"ABORTED", absl::StatusCode::kAborted},
        {"INTERNAL", absl::StatusCode::kInternal},
        {"RESOURCE_EXHAUSTED", absl::StatusCode::kResourceExhausted},
        {"INVALID_ARGUMENT", absl::StatusCode::kInvalidArgument}};
    return Finish{
        task,
        worker,
        token,
        {kCodes.at(command.Named("code")), command.Named("reason"), "it broke"},
        "",
        static_cast<int>(command.Number("workers", 1))};
  }

  std::string Apply(const Event& event) {
    auto step = Step(job_, event, now_, Policy());
    if (!step.ok()) {
      return absl::StrCat(absl::StatusCodeToString(step.status().code()), " ",
                          ReasonOf(step.status()), ": ",
                          step.status().message(), "\n");
    }
    job_ = std::move(step->next);
    return Show() + (step->store ? "store\n" : "");
  }

  std::string Show() const {
    std::string text = Name(job_.state);
    if (!job_.waits_for.empty()) {
      absl::StrAppend(&text, " waits-for=", absl::StrJoin(job_.waits_for, ","));
    }
    if (!job_.result.empty()) absl::StrAppend(&text, " result=", job_.result);
    if (job_.error.code != absl::StatusCode::kOk) {
      absl::StrAppend(&text,
                      " error=", absl::StatusCodeToString(job_.error.code), " ",
                      job_.error.reason, " \"", job_.error.message, "\"");
    }
    text += "\n";
    for (size_t i = 0; i < job_.tasks.size(); ++i) {
      const Task& task = job_.tasks[i];
      absl::StrAppend(&text, "  ", i, " ", Name(task.state),
                      " attempts=", task.attempts,
                      " token=", task.fencing_token);
      if (task.state == TaskState::kLeased) {
        absl::StrAppend(&text, " worker=", task.worker, " expires=",
                        absl::FormatDuration(task.lease_expiry - kStart));
      }
      if (task.state == TaskState::kWaiting && task.not_before > now_) {
        absl::StrAppend(&text, " not-before=",
                        absl::FormatDuration(task.not_before - kStart));
      }
      if (!task.failed_workers.empty()) {
        absl::StrAppend(&text,
                        " failed-on=", absl::StrJoin(task.failed_workers, ","));
      }
      text += "\n";
    }
    return text;
  }

  Job job_;
  absl::Time now_ = kStart;
};

class TranscriptTest : public testing::TestWithParam<const char*> {};

TEST_P(TranscriptTest, HappensAsTold) {
  Player player;
  PlayTranscript(GetParam(), [&player](const Command& command) {
    return player.Play(command);
  });
}

INSTANTIATE_TEST_SUITE_P(Histories, TranscriptTest,
                         testing::Values("cancel_and_retry", "dependency",
                                         "disk_full", "lost_lease",
                                         "one_good_run", "out_of_attempts",
                                         "outage", "restart", "restore",
                                         "same_failure_everywhere", "stages",
                                         "time_limits", "worker_died"));

}  // namespace
}  // namespace nevus::scheduler
