// Uploads: examples into a dataset's draft, a backbone's weight file.
//
// The first step of the way: files on this machine -> images and backbones.
// Memory is bounded by one file, whatever the number of them.
#ifndef NEVUS_CLIENTS_CPP_UPLOAD_H_
#define NEVUS_CLIENTS_CPP_UPLOAD_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "clients/cpp/client.h"

namespace nevus {

// An example whose image is still a file here.
struct ExampleFile {
  v1::Example example;  // image_digest is ignored
  std::string path;
};

// What became of an import.
struct ImportSummary {
  int64_t taken = 0;
  int64_t already_there = 0;
  // In the order of the files.
  std::vector<v1::ImportOutcome> refused;
};

// The answered and all examples so far. Called from one thread, not the
// caller's.
using ImportProgress = std::function<void(int64_t answered, int64_t all)>;

// Sends `files` to the draft of `dataset` and counts the server's answers. A
// file that cannot be read, or is larger than 64 MiB, is refused here
// (FILE_UNREADABLE, IMAGE_TOO_LARGE) and not sent.
//
// Errors: those of ImportExamples; what was answered before stays imported, and
// running it again sends nothing twice. INTERNAL: the answers do not fit the
// examples. Thread-safe.
absl::StatusOr<ImportSummary> ImportExamples(
    Client& client, const std::string& dataset,
    const std::vector<ExampleFile>& files, const ImportProgress& progress);

// Stores a backbone: `upload` as it is when its weights come from a seed, else
// with the size and SHA-256 of the file at `weights_path`, which is sent.
// Errors: those of ImportBackbone; NOT_FOUND: no such file. Thread-safe.
absl::StatusOr<v1::Backbone> ImportBackbone(
    Client& client, v1::BackboneUpload upload, const std::string& weights_path,
    const std::function<void(int64_t sent_bytes, int64_t all_bytes)>& progress);

}  // namespace nevus

#endif  // NEVUS_CLIENTS_CPP_UPLOAD_H_
