#include "clients/nevus/predict_files.h"

#include <optional>
#include <thread>  // NOLINT: requests in flight
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/mutex.h"
#include "base/status.h"
#include "clients/cpp/files.h"
#include "clients/cpp/wait.h"
#include "clients/nevus/labels.h"

namespace nevus {
namespace {

constexpr int64_t kMaxImageBytes = 64 << 20;

// Answers that come in any order, taken in the order of the files. Thread-safe.
class Answers {
 public:
  explicit Answers(size_t count) : answers_(count) {}

  // The next file to ask about, or the number of files when none is left.
  size_t Claim() {
    MutexLock lock(mutex_);
    return stopped_                     ? answers_.size()
           : claimed_ < answers_.size() ? claimed_++
                                        : claimed_;
  }
  void Put(size_t i, absl::StatusOr<v1::PredictResponse> answer) {
    MutexLock lock(mutex_);
    answers_[i] = std::move(answer);
    changed_.NotifyAll();
  }
  absl::StatusOr<v1::PredictResponse> Take(size_t i) {
    MutexLock lock(mutex_);
    while (!answers_[i].has_value()) changed_.Wait(mutex_);
    return *std::move(answers_[i]);
  }
  // No further claims.
  void Stop() {
    MutexLock lock(mutex_);
    stopped_ = true;
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  size_t claimed_ ABSL_GUARDED_BY(mutex_) = 0;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::optional<absl::StatusOr<v1::PredictResponse>>> answers_
      ABSL_GUARDED_BY(mutex_);
};

absl::StatusOr<v1::PredictResponse> Ask(Client& client,
                                        v1::PredictRequest request,
                                        const std::string& path) {
  ASSIGN_OR_RETURN(*request.mutable_image(), ReadFile(path, kMaxImageBytes));
  return Predict(client, request);
}

}  // namespace

absl::StatusOr<std::vector<std::string>> FindImageFiles(
    const std::vector<std::string>& arguments) {
  std::vector<std::string> paths;
  for (const std::string& argument : arguments) {
    if (!IsDirectory(argument)) {
      paths.push_back(argument);
      continue;
    }
    ASSIGN_OR_RETURN(const std::vector<std::string> names, ListFiles(argument));
    const bool slash = !argument.empty() && argument.back() == '/';
    for (const std::string& name : names) {
      // What `--explain` wrote there is no photograph.
      if (HasImageExtension(name) && !absl::EndsWith(name, kHeatMapEnding)) {
        paths.push_back(absl::StrCat(argument, slash ? "" : "/", name));
      }
    }
  }
  if (paths.empty()) {
    return WithReason(
        absl::NotFoundError(absl::StrCat(
            "there is no image in ", absl::StrJoin(arguments, ", "),
            "; name files, or a folder that holds some itself, not in folders "
            "below it")),
        "NO_IMAGES");
  }
  return paths;
}

absl::Status PredictFiles(
    Client& client, const v1::PredictRequest& request,
    const std::vector<std::string>& paths, int64_t in_flight,
    const std::function<
        absl::Status(size_t, absl::StatusOr<v1::PredictResponse>)>& take) {
  Answers answers(paths.size());
  std::vector<std::thread> askers;
  for (int64_t i = 0; i < in_flight; ++i) {
    askers.emplace_back([&] {
      for (size_t next = answers.Claim(); next < paths.size();
           next = answers.Claim()) {
        answers.Put(next, Ask(client, request, paths[next]));
      }
    });
  }
  absl::Status ended;
  for (size_t i = 0; i < paths.size() && ended.ok(); ++i) {
    absl::StatusOr<v1::PredictResponse> answer = answers.Take(i);
    ended = ReasonOf(answer.status()) == "SERVER_UNREACHABLE"
                ? answer.status()
                : take(i, std::move(answer));
  }
  answers.Stop();
  for (std::thread& asker : askers) asker.join();
  return ended;
}

}  // namespace nevus
