// classify: predictions for files, several in flight, printed in order.
#include <optional>
#include <thread>  // NOLINT: requests in flight
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/mutex.h"
#include "base/status.h"
#include "clients/cpp/files.h"
#include "clients/cpp/wait.h"
#include "clients/nevus/commands.h"
#include "clients/nevus/context.h"
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

// Files as they are; of a folder, those that are images by extension.
absl::StatusOr<std::vector<std::string>> FindFiles(
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
      if (HasImageExtension(name)) {
        paths.push_back(absl::StrCat(argument, slash ? "" : "/", name));
      }
    }
  }
  if (paths.empty()) {
    return WithReason(absl::NotFoundError("there is no image to classify; name "
                                          "files or a folder that holds some"),
                      "NO_IMAGES");
  }
  return paths;
}

absl::StatusOr<v1::PredictResponse> Ask(Client& client,
                                        v1::PredictRequest request,
                                        const std::string& path) {
  ASSIGN_OR_RETURN(*request.mutable_image(), ReadFile(path, kMaxImageBytes));
  return Predict(client, request);
}

Row ToRow(const std::string& path,
          const absl::StatusOr<v1::PredictResponse>& answer) {
  if (!answer.ok()) {
    return {path, "", "",
            "",   "", "",
            "",   "", std::string(answer.status().message())};
  }
  return {path,
          FormatNumber(answer->probability(), 6),
          answer->decision(),
          answer->model(),
          answer->operating_point(),
          FormatNumber(answer->threshold(), 6),
          answer->prediction_id(),
          answer->synthetic() ? "true" : "false",
          ""};
}

Json ToJsonRow(const std::string& path,
               const absl::StatusOr<v1::PredictResponse>& answer) {
  Json json = {{"file", path}};
  if (answer.ok()) {
    json.update(ToJson(*answer));
  } else {
    json["error"] = {{"code", absl::StatusCodeToString(answer.status().code())},
                     {"reason", ReasonOf(answer.status())},
                     {"message", std::string(answer.status().message())}};
  }
  return json;
}

absl::Status Classify(Context& context) {
  const Invocation& line = context.line();
  v1::PredictRequest request;
  int64_t version = 0;
  RETURN_IF_ERROR(SetModel(line.Text("model"), request.mutable_model(),
                           &version, request.mutable_alias()));
  request.set_version(version);
  request.set_operating_point(line.Text("operating-point"));
  const int64_t in_flight = line.Integer("in-flight");
  if (in_flight < 1 || in_flight > 256) {
    return UsageError("--in-flight is 1 to 256");
  }
  ASSIGN_OR_RETURN(const std::vector<std::string> paths,
                   FindFiles(line.arguments));
  ASSIGN_OR_RETURN(Client * client, context.Server());

  Answers answers(paths.size());
  std::vector<std::thread> askers;
  for (int64_t i = 0; i < in_flight; ++i) {
    askers.emplace_back([&] {
      for (size_t next = answers.Claim(); next < paths.size();
           next = answers.Claim()) {
        answers.Put(next, Ask(*client, request, paths[next]));
      }
    });
  }

  Table table{{"file", "probability", "decision", "model", "operating_point",
               "threshold", "prediction_id", "synthetic", "error"},
              {}};
  const bool stream = line.Text("output") == "csv";
  if (stream) context.Write(CsvLine(table.header));
  Json json = Json::array();
  int64_t failed = 0;
  absl::Status unreachable;
  {
    Progress progress(context.terminal(), "classify");
    for (size_t i = 0; i < paths.size() && unreachable.ok(); ++i) {
      const absl::StatusOr<v1::PredictResponse> answer = answers.Take(i);
      if (ReasonOf(answer.status()) == "SERVER_UNREACHABLE") {
        // Every other file would only wait as long.
        unreachable = answer.status();
        answers.Stop();
        break;
      }
      if (!answer.ok()) {
        ++failed;
        context.Say(absl::StrCat(paths[i], ": ", answer.status().message()));
      }
      if (stream) {
        context.Write(CsvLine(ToRow(paths[i], answer)));
      } else {
        table.rows.push_back(ToRow(paths[i], answer));
        json.push_back(ToJsonRow(paths[i], answer));
      }
      progress.Update(static_cast<int64_t>(i) + 1,
                      static_cast<int64_t>(paths.size()), "images");
    }
  }
  for (std::thread& asker : askers) asker.join();
  RETURN_IF_ERROR(unreachable);
  if (!stream) context.Print(table, json);
  if (failed == 0) return absl::OkStatus();
  return WithReason(
      absl::InvalidArgumentError(absl::StrCat(
          failed, " of ", paths.size(),
          " files could not be classified; the lines above say why")),
      "FILES_FAILED");
}

}  // namespace

std::vector<Command> ClassifyCommands() {
  return {
      {"classify",
       "FILE|DIR...",
       "Classify images with a model",
       "Of a folder, its image files. CSV comes line by line. A file that "
       "fails has its error in the last column; the others are done, and the "
       "exit code is 1. Research use only: no diagnosis.",
       {Flag::Text("model", "M@ALIAS|M@V", "which model").Required(),
        Flag::Text("operating-point", "P",
                   "which threshold decides (default: the model's first)"),
        Flag::Integer("in-flight", "requests at a time").Default("8")},
       {"nevus classify images --model melanoma@production --output csv"},
       Classify}};
}

}  // namespace nevus
