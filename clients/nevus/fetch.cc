#include "clients/nevus/fetch.h"

#include <cstdio>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/digest.h"
#include "base/status.h"
#include "clients/cpp/files.h"
#include "clients/nevus/download.h"

namespace nevus {
namespace {

// As of every upload (docs/api.md).
constexpr int64_t kMaxBytes = int64_t{1} << 30;

}  // namespace

absl::Status CheckPublished(const PublicWeights& weights,
                            const std::string& path) {
  std::string found;
  if (*weights.sha256 != '\0') {
    Sha256 digest;
    RETURN_IF_ERROR(ReadFileInChunks(path, [&](const std::string& chunk) {
      digest.Update(chunk);
      return absl::OkStatus();
    }));
    found = absl::StrCat("SHA-256 ", digest.Hex());
  } else {
    ASSIGN_OR_RETURN(const std::string bytes, ReadFile(path, kMaxBytes));
    found = absl::StrCat("MD5 ", Md5Hex(bytes));
  }
  if (found == HashText(weights)) return absl::OkStatus();
  return WithReason(
      absl::DataLossError(absl::StrCat(
          path, " has ", found, "; the published file has ", HashText(weights),
          ". It was damaged on the way or is another file: fetch it again")),
      "WEIGHTS_DIFFER", {{"url", weights.url}});
}

absl::Status FetchWeights(const PublicWeights& weights,
                          const std::string& mirror, const std::string& path,
                          bool show_progress) {
  // 0 bytes are enough to know that it is there.
  if (ReadFile(path, 0).status().code() != absl::StatusCode::kNotFound) {
    return CheckPublished(weights, path);
  }
  const std::string url = mirror.empty() ? weights.url : mirror;
  const std::string part = path + ".part";
  DownloadOptions options;
  options.allow_http = absl::StartsWith(mirror, "http://");
  options.show_progress = show_progress;
  absl::Status status = Download(url, part, options);
  if (status.ok()) status = CheckPublished(weights, part);
  if (status.ok() && std::rename(part.c_str(), path.c_str()) != 0) {
    status = WithReason(absl::FailedPreconditionError(absl::StrCat(
                            path, " cannot be written. Name another file")),
                        "FILE_UNWRITABLE");
  }
  if (status.ok()) return status;
  std::remove(part.c_str());
  if (ReasonOf(status) != "DOWNLOAD_FAILED") return status;
  return WithReason(
      absl::FailedPreconditionError(absl::StrCat(
          status.message(), ". On a machine with a network: curl -L -o ",
          weights.file, " ", weights.url, "  (", weights.megabytes, " MB, ",
          HashText(weights),
          "). Bring the file here, then: nevus backbone "
          "import ",
          weights.arch, " --arch ", weights.arch, " --weights ", weights.file)),
      "DOWNLOAD_FAILED", {{"url", url}});
}

}  // namespace nevus
