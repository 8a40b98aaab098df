// Plays the histories in testdata/*.txt: a command, "----", what it did, a
// blank line; "#" begins a comment. NEVUS_REWRITE=<directory> writes what
// happened instead: look at the difference, and commit it only if you
// understand it.
//
//   new tasks=N                      a job; the clock stands at 0s
//   lease TASK WORKER at=T           fail TASK WORKER token=K code=C at=T
//   finish TASK WORKER token=K at=T  heartbeat TASK WORKER token=K at=T
//   cancel|retry|tick|restart at=T
#include <cstdlib>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "base/status.h"
#include "gtest/gtest.h"
#include "services/scheduler/core/job_machine.h"

namespace nevus::scheduler {
namespace {

constexpr char kFolder[] = "services/scheduler/core/testdata/";
const absl::Time kStart = absl::FromUnixSeconds(0);

class Player {
 public:
  std::string Play(const std::string& line) {
    std::vector<std::string> words = absl::StrSplit(line, ' ');
    std::map<std::string, std::string> named;
    std::vector<std::string> plain;
    for (const std::string& word : words) {
      const size_t equals = word.find('=');
      if (equals == std::string::npos) {
        plain.push_back(word);
      } else {
        named[word.substr(0, equals)] = word.substr(equals + 1);
      }
    }
    if (named.count("at") != 0) {
      absl::Duration at;
      if (!absl::ParseDuration(named["at"], &at)) return "bad time\n";
      now_ = kStart + at;
    }
    const auto number = [](const std::string& text) {
      int64_t value = -1;
      return absl::SimpleAtoi(text, &value) ? value : int64_t{-1};
    };
    const int task = plain.size() > 1 ? static_cast<int>(number(plain[1])) : -1;
    const std::string worker = plain.size() > 2 ? plain[2] : "";
    const int64_t token = number(named["token"]);
    const std::string& verb = plain[0];
    if (verb == "new") {
      job_ = NewJob(static_cast<int>(number(named["tasks"])), kStart);
      return Show();
    }
    if (verb == "lease") return Apply(Lease{task, worker});
    if (verb == "heartbeat") return Apply(Heartbeat{task, worker, token, {}});
    if (verb == "finish") {
      return Apply(
          Finish{task, worker, token, {}, absl::StrCat("made-by-", worker)});
    }
    if (verb == "fail") {
      const absl::StatusCode code = named["code"] == "INVALID_ARGUMENT"
                                        ? absl::StatusCode::kInvalidArgument
                                        : absl::StatusCode::kUnavailable;
      return Apply(Finish{task, worker, token, {code, "", "it broke"}, ""});
    }
    if (verb == "cancel") return Apply(Cancel{});
    if (verb == "retry") return Apply(Retry{});
    if (verb == "tick") return Apply(Tick{});
    if (verb == "restart") return Apply(Restart{});
    return absl::StrCat("unknown command ", verb, "\n");
  }

 private:
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
    if (!job_.result.empty()) absl::StrAppend(&text, " result=", job_.result);
    if (!job_.error.message.empty()) {
      absl::StrAppend(&text, " error=\"", job_.error.message, "\"");
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
      text += "\n";
    }
    return text;
  }

  Job job_;
  absl::Time now_ = kStart;
};

class TranscriptTest : public testing::TestWithParam<const char*> {};

TEST_P(TranscriptTest, HappensAsTold) {
  const std::string path = absl::StrCat(kFolder, GetParam(), ".txt");
  std::ifstream file(path);
  ASSERT_TRUE(file) << path;
  Player player;
  std::string told;
  std::string happened;
  std::string line;
  while (std::getline(file, line)) {
    absl::StrAppend(&told, line, "\n");
    absl::StrAppend(&happened, line, "\n");
    if (line.empty() || line[0] == '#') continue;
    const std::string command = line;
    while (std::getline(file, line) && !line.empty()) {
      absl::StrAppend(&told, line, "\n");
    }
    told += "\n";
    absl::StrAppend(&happened, "----\n", player.Play(command), "\n");
  }
  if (const char* rewrite = std::getenv("NEVUS_REWRITE")) {
    std::ofstream(absl::StrCat(rewrite, "/", GetParam(), ".txt")) << happened;
  }
  EXPECT_EQ(told, happened) << path;
}

INSTANTIATE_TEST_SUITE_P(Histories, TranscriptTest,
                         testing::Values("one_good_run", "lost_lease",
                                         "out_of_attempts", "cancel_and_retry",
                                         "restart"));

}  // namespace
}  // namespace nevus::scheduler
